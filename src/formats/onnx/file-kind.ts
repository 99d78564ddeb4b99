// What a file is that was taken for an ONNX model: people drop the archive, the web page or the pointer instead of the
// file behind it. Guesses from the first bytes; says nothing about files that may be ONNX.

import { UserError } from "../../common/errors.ts";
import type { ByteSource } from "../safetensors.ts";

const FIRST_BYTES = 64;

/** How the text form of the first bytes gives a file away, what it is, and what to do. */
const KINDS: readonly (readonly [RegExp, string, string])[] = [
  [/^PK[^A-Za-z]/, "a zip archive (or a PyTorch checkpoint)", "Unpack it and choose the .onnx file in it."],
  [/^[^\w\s]\u008b/, "a gzip archive", "Unpack it and choose the .onnx file in it."],
  [/^version https:\/\/git-lfs/, "a Git LFS pointer", "Download the file itself, or run git lfs pull."],
  [/^\s*<(!doctype|html|\?xml|head|body)/i, "a web page", "Use the download link of the file."],
  [/^[^]{4}\0{4}\s*\{/, "a safetensors file", "Choose it as safetensors weights, or choose an .onnx file."],
  [/^GGUF/, "a GGUF file", "Choose an ONNX or safetensors form of the model."],
  [/^[^]{4}ORTM/, "a model in ONNX Runtime's own format", "Choose the .onnx file that it was made from."],
  [/^\s*[[{]/, "a JSON file", "Choose the .onnx file."],
];

/** Throws UserError when `source` is empty or visibly a file of another kind. */
export async function checkFileKind(source: ByteSource): Promise<void> {
  if (source.size === 0) {
    throw new UserError(`${source.name} is empty, so there is no model in it. Download it again.`);
  }
  const first = await source.read(0, Math.min(FIRST_BYTES, source.size));
  const text = String.fromCharCode(...first);
  const kind = KINDS.find(([pattern]) => pattern.test(text));
  if (!kind) return;
  throw new UserError(`${source.name} is ${kind[1]}, not an ONNX model. ${kind[2]}`);
}
