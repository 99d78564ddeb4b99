// The forms in which a repository has its weights, each with the files that it needs, and what cannot be read here. Goes by
// file names alone, as the hub's exporters choose them: nothing has been downloaded yet.

import { UserError } from "../common/errors.ts";
import type { HubFile, Repository } from "./repository.ts";

/** One form of a model's weights. */
export interface Variant {
  /** Of the weights' main file: `onnx/model_q4f16.onnx`, `model.safetensors`. */
  readonly id: string;
  readonly label: string;
  /** Everything to download, configuration and tokenizer too. */
  readonly files: readonly HubFile[];
  readonly bytes: number;
}

/** Beside every form of the weights. */
const COMPANIONS = ["config.json", "tokenizer.json", "tokenizer_config.json"] as const;
const OPTIONAL = ["chat_template.jinja", "generation_config.json"] as const;

/** Endings of ONNX files by what they hold; those without a label hold weights that are not read here. */
const PRECISIONS: Readonly<Record<string, string | undefined>> = {
  "": "float32",
  fp16: "float16",
  q4: "4-bit",
  q4f16: "4-bit, float16",
  int8: undefined,
  uint8: undefined,
  quantized: undefined,
  bnb4: undefined,
};

/** The forms that can be read, the smallest first. Throws UserError when there is none, naming what there is. */
export function variantsOf(repository: Repository): Variant[] {
  const { id, files } = repository;
  const missing = COMPANIONS.filter((name) => !files.some(({ path }) => path === name));
  if (missing.length > 0)
    throw new UserError(
      `${id} has no ${missing.join(" and no ")}, so it is no model that can be opened here. Choose a repository with config.json, tokenizer.json and weights as safetensors or ONNX.`,
    );
  const found = [...safetensors(files), ...onnx(files)];
  if (found.length === 0)
    throw new UserError(
      `${id} has no weights that are read here (it has ${weightFiles(files) || "none"}). Choose a repository with safetensors, or with ONNX in float32, float16 or 4-bit.`,
    );
  const besides = files.filter(({ path }) =>
    ([...COMPANIONS, ...OPTIONAL] as readonly string[]).includes(path),
  );
  return found
    .map(({ id: main, label, parts }) => {
      const all = [...besides, ...parts];
      return { id: main, label, files: all, bytes: all.reduce((sum, { bytes }) => sum + bytes, 0) };
    })
    .toSorted((a, b) => a.bytes - b.bytes);
}

interface Weights {
  readonly id: string;
  readonly label: string;
  /** The main file last: where files are fetched in order and it is there, so are all others. */
  readonly parts: readonly HubFile[];
}

function safetensors(files: readonly HubFile[]): Weights[] {
  const parts = files.filter(({ path }) => /^model(-\d+-of-\d+)?\.safetensors$/.test(path));
  const whole = parts.find(({ path }) => path === "model.safetensors");
  if (whole) return [{ id: whole.path, label: "safetensors", parts: [whole] }];
  const index = files.find(({ path }) => path === "model.safetensors.index.json");
  if (parts.length === 0 || !index) return [];
  return [{ id: index.path, label: `safetensors in ${parts.length} parts`, parts: [...parts, index] }];
}

function onnx(files: readonly HubFile[]): Weights[] {
  return files.flatMap((file): Weights[] => {
    const name = /^(?:onnx\/)?model(?:_(\w+))?\.onnx$/.exec(file.path);
    const label = name && PRECISIONS[name[1] ?? ""];
    if (!label) return [];
    const data = files.filter(({ path }) => isDataOf(path, file.path));
    return [{ id: file.path, label: `ONNX, ${label}`, parts: [...data, file] }];
  });
}

/** `model.onnx_data`, `model.onnx_data_1` (transformers.js) and `model.onnx.data` (model builder). */
const isDataOf = (path: string, model: string): boolean =>
  path.startsWith(model) && /^(_data(_\d+)?|\.data)$/.test(path.slice(model.length));

const weightFiles = (files: readonly HubFile[]): string =>
  files
    .filter(({ path }) => /\.(onnx|safetensors|bin|gguf|pth?|h5|msgpack)$/.test(path))
    .map(({ path }) => path)
    .slice(0, 6)
    .join(", ");
