// `make-model`: a model of a published one's exact shape and file layout with random weights, to try what a real one would
// take: loading, memory, time. It answers nonsense.

import { readFile } from "node:fs/promises";
import path from "node:path";

import { UserError } from "../../common/errors.ts";
import type { EncodedFile } from "../../formats/encoded-file.ts";
import { encodeOnnxModel } from "../../formats/onnx/write.ts";
import type { StreamedTensor } from "../../formats/safetensors-stream.ts";
import { encodeSafetensors } from "../../formats/safetensors-stream.ts";
import type { DecoderConfig } from "../../model/config.ts";
import { parseDecoderConfig } from "../../model/config.ts";
import { defineCommand } from "../command.ts";
import { replaceFile } from "../files/replace-file.ts";
import { randomWeights } from "../make-model/random-weights.ts";
import { MODEL_CONFIGS } from "../make-model/shapes.ts";
import { standInTokenizer } from "../make-model/stand-in-tokenizer.ts";

const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"] as const;

type Weights = ReturnType<typeof randomWeights>;

/** The weights' file in each format, as a hub would have it. */
const FORMATS: Readonly<
  Record<string, readonly [file: string, encode: (config: DecoderConfig, weights: Weights) => EncodedFile]>
> = {
  safetensors: ["model.safetensors", (_, weights) => encodeSafetensors(bfloat16(weights))],
  "onnx-f32": ["model.onnx", (config, weights) => encodeOnnxModel(config, weights, "float32")],
  "onnx-f16": ["model.onnx", (config, weights) => encodeOnnxModel(config, weights, "float16")],
  "onnx-q4": ["model.onnx", (config, weights) => encodeOnnxModel(config, weights, "int4")],
};

const bfloat16 = (weights: Weights): StreamedTensor[] =>
  weights.names.map((name) => ({
    name,
    dtype: "BF16",
    shape: weights.shape(name)!,
    values: () => weights.read(name),
  }));

const choices = (names: Iterable<string>): string => [...names].join(" | ");

export const makeModel = defineCommand({
  name: "make-model",
  summary: "make a model of a known shape with random weights, to try sizes and speed with",
  usage: "--out DIR [--like NAME] [--format FORMAT] [--tokenizer DIR] [--seed N]",
  options: {
    out: { type: "string", value: "DIR", description: "where the files go" },
    like: {
      type: "string",
      value: "NAME",
      description: choices(Object.keys(MODEL_CONFIGS)),
      default: "qwen2.5-0.5b",
    },
    format: {
      type: "string",
      value: "FORMAT",
      description: choices(Object.keys(FORMATS)),
      default: "onnx-q4",
    },
    tokenizer: {
      type: "string",
      value: "DIR",
      description: "tokenizer.json and tokenizer_config.json; default: one token a byte",
    },
    seed: { type: "string", value: "N", description: "seed of the weights", default: "0" },
  },
  async run({ values: { out, like, format, tokenizer, seed } }) {
    if (out === undefined) throw new UserError("There is no folder to write to: name one with --out DIR.");
    const json = knownOf(MODEL_CONFIGS, "--like", like);
    const [file, encode] = knownOf(FORMATS, "--format", format);
    if (!/^\d{1,9}$/.test(seed)) throw new UserError(`--seed is "${seed}": a whole number is needed.`);
    const texts = tokenizer === undefined ? standIn() : await tokenizerOf(tokenizer);
    const config = parseDecoderConfig(json, "config.json");
    await replaceFile(path.join(out, "config.json"), jsonText(json));
    for (const [name, text] of texts) await replaceFile(path.join(out, name), text);
    const { size, pieces } = encode(config, randomWeights(config, Number(seed)));
    await replaceFile(path.join(out, file), pieces());
    console.log(`wrote ${out}: ${like}, ${format}, ${(size / 1e6).toFixed(0)} MB of random weights`);
  },
});

const jsonText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function knownOf<T>(list: Readonly<Record<string, T>>, option: string, name: string): T {
  if (Object.hasOwn(list, name)) return list[name]!;
  throw new UserError(`${option} is "${name}": one of ${Object.keys(list).join(", ")} is needed.`);
}

function standIn(): [string, string][] {
  const { tokenizer, config } = standInTokenizer();
  return [
    [TOKENIZER_FILES[0], jsonText(tokenizer)],
    [TOKENIZER_FILES[1], jsonText(config)],
  ];
}

const tokenizerOf = (folder: string): Promise<[string, Uint8Array][]> =>
  Promise.all(
    TOKENIZER_FILES.map(async (name): Promise<[string, Uint8Array]> => {
      const file = path.join(folder, name);
      const bytes = await readFile(file).catch(() => {
        throw new UserError(`There is no file ${file}: --tokenizer names a folder that holds ${name}.`);
      });
      return [name, bytes];
    }),
  );
