// The forms in which a repository has its weights, each with the files that it needs, and what cannot be read here. Goes by
// file names alone, as the hub's exporters choose them: nothing has been downloaded yet.

import { UserError } from "../common/errors.ts";
import type { HubFile, Repository } from "./repository.ts";

/** One form of a model's weights. */
export interface Variant {
  /** Of the weights' main file: `onnx/model_q4f16.onnx`, `model.safetensors`. */
  readonly id: string;
  readonly label: string;
  /** Its matrices are 4-bit blocks, as far as the name tells. */
  readonly is4Bit: boolean;
  /** Everything to download, configuration and tokenizer too. */
  readonly files: readonly HubFile[];
  readonly bytes: number;
}

/** A form that is there and cannot be taken. */
export interface UnreadForm {
  readonly id: string;
  readonly label: string;
  readonly bytes: number;
  /** After the label and a colon: "8-bit weights are not read here". */
  readonly why: string;
}

export interface Forms {
  /** The smallest first. */
  readonly variants: readonly Variant[];
  readonly unread: readonly UnreadForm[];
}

/** Beside every form of the weights. */
const COMPANIONS = ["config.json", "tokenizer.json", "tokenizer_config.json"] as const;
const OPTIONAL = ["chat_template.jinja", "generation_config.json"] as const;

/** What ONNX files hold by the endings of their names. */
const PRECISIONS: Readonly<Record<string, string>> = {
  "": "float32",
  fp16: "float16",
  q4: "4-bit",
  q4f16: "4-bit, float16",
};
const EIGHT_BIT = "8-bit weights are not read here";
/** Why those with other endings are not read. */
const UNREAD: Readonly<Record<string, string>> = {
  int8: EIGHT_BIT,
  uint8: EIGHT_BIT,
  quantized: EIGHT_BIT,
  bnb4: "the 4-bit weights of bitsandbytes are not read here",
};
const UNKNOWN = "weights under this name are not known here";

/** The forms of a repository. Throws UserError when none can be read, naming what there is. */
export function formsOf(repository: Repository): Forms {
  const { id, files } = repository;
  const missing = COMPANIONS.filter((name) => !files.some(({ path }) => path === name));
  if (missing.length > 0)
    throw new UserError(
      `${id} has no ${missing.join(" and no ")}, so it is no model that can be opened here. Choose a repository with config.json, tokenizer.json and weights as safetensors or ONNX.`,
    );
  const found = [...safetensors(files), ...onnx(files)];
  const readable = found.filter(({ why }) => why === undefined);
  if (readable.length === 0)
    throw new UserError(
      `${id} has no weights that are read here (it has ${found.map(reasonOf).join("; ") || weightFiles(files) || "none"}). Choose a repository with safetensors, or with ONNX in float32, float16 or 4-bit.`,
    );
  const besides = files.filter(({ path }) =>
    ([...COMPANIONS, ...OPTIONAL] as readonly string[]).includes(path),
  );
  return {
    variants: readable
      .map(({ id: main, label, is4Bit, parts }) => {
        const all = [...besides, ...parts];
        return { id: main, label, is4Bit, files: all, bytes: bytesOf(all) };
      })
      .toSorted((a, b) => a.bytes - b.bytes),
    unread: found.flatMap(({ id: main, label, parts, why }) =>
      why === undefined ? [] : [{ id: main, label, bytes: bytesOf(parts), why }],
    ),
  };
}

const bytesOf = (files: readonly HubFile[]): number => files.reduce((sum, { bytes }) => sum + bytes, 0);
const reasonOf = ({ id, why }: Weights): string => `${id}: ${why}`;

interface Weights {
  readonly id: string;
  readonly label: string;
  readonly is4Bit: boolean;
  /** The main file last: where files are fetched in order and it is there, so are all others. */
  readonly parts: readonly HubFile[];
  /** Why it cannot be read, if so. */
  readonly why?: string;
}

function safetensors(files: readonly HubFile[]): Weights[] {
  const is4Bit = false;
  const whole = files.find(({ path }) => path === "model.safetensors");
  if (whole) return [{ id: whole.path, label: "safetensors", is4Bit, parts: [whole] }];
  const parts = files.filter(({ path }) => /^model-\d+-of-\d+\.safetensors$/.test(path));
  if (parts.length === 0) return [];
  const index = files.find(({ path }) => path === "model.safetensors.index.json");
  const count = Number(/-of-(\d+)/.exec(parts[0]!.path)![1]);
  const lacking = [...missingParts(parts), ...(index ? [] : ["model.safetensors.index.json"])];
  return [
    {
      id: index?.path ?? parts[0]!.path,
      label: `safetensors in ${count} parts`,
      is4Bit,
      parts: index ? [...parts, index] : parts,
      ...(lacking.length > 0 && { why: `${lacking.join(" and ")} is not in the repository` }),
    },
  ];
}

/** Names of parts that the names of others speak of. */
function missingParts(parts: readonly HubFile[]): string[] {
  const [, digits, count] = /-(\d+)-of-(\d+)/.exec(parts[0]!.path)!;
  const names = Array.from(
    { length: Number(count) },
    (_, i) => `model-${String(i + 1).padStart(digits!.length, "0")}-of-${count}.safetensors`,
  );
  return names.filter((name) => !parts.some(({ path }) => path === name));
}

function onnx(files: readonly HubFile[]): Weights[] {
  return files.flatMap((file): Weights[] => {
    const name = /^(?:onnx\/)?model(?:_(\w+))?\.onnx$/.exec(file.path);
    if (!name) return [];
    const ending = name[1] ?? "";
    const label = PRECISIONS[ending];
    const data = files.filter(({ path }) => isDataOf(path, file.path));
    return [
      {
        id: file.path,
        label: `ONNX, ${label ?? ending}`,
        is4Bit: ending.startsWith("q4"),
        parts: [...data, file],
        ...(label === undefined && { why: UNREAD[ending] ?? UNKNOWN }),
      },
    ];
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
