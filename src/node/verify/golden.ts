// A directory of golden numbers as Hugging Face's own code computed them: model, adapter, tokens, log-probabilities,
// gradients, parameters after training, greedy tokens. The format is described in the README beside such a directory.

import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

import { UserError } from "../../common/errors.ts";
import type { ByteSource, SafetensorsFile } from "../../formats/safetensors.ts";
import { bytesSource, openSafetensors } from "../../formats/safetensors.ts";
import type { DecoderConfig } from "../../model/config.ts";
import { parseDecoderConfig } from "../../model/config.ts";
import type { LoraConfig } from "../../model/lora.ts";
import { openAdapter } from "../../model/open-adapter.ts";
import type { Group } from "../../model/packing.ts";
import type { ParameterSource } from "../../model/parameters.ts";
import { isSafetensorsPart, openSafetensorsWeights, parameterSource } from "../../model/shards.ts";
import { fileSource } from "../files/source.ts";

type Json = Readonly<Record<string, unknown>>;

/** AdamW as the golden training steps used it. */
export interface GoldenTraining {
  readonly lr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  readonly maxNorm: number;
  readonly steps: number;
}

/** One opened directory. B sequences, T padded width. */
export interface Golden {
  readonly name: string;
  readonly directory: string;
  readonly config: DecoderConfig;
  readonly weights: ParameterSource;
  readonly adapter: ParameterSource;
  readonly lora: LoraConfig;
  readonly temperature: number;
  readonly training: GoldenTraining;
  /** Each sequence as a prompt with one response. */
  readonly groups: readonly Group[];
  /** Coefficients of L on the response tokens of each sequence. */
  readonly coefficients: readonly (readonly number[])[];
  /** Gradient norms before clipping of the training steps, where the directory tells them. */
  readonly norms: { readonly full: readonly number[]; readonly adapter: readonly number[] };
  /** How far Hugging Face's float32 is from its float64 in an update (`after3`), relative L2; 0 where untold. */
  updateDeviation(name: string): number;
  readonly file: SafetensorsFile;
}

/** Values of a golden tensor [B,T] at each sequence's response tokens, one after the other. */
export async function responseValues(golden: Golden, name: string): Promise<number[]> {
  const values = await golden.file.readF32(name);
  const width = golden.file.entry(name).shape[1]!;
  return golden.groups.flatMap(({ prompt, responses }, b) =>
    responses[0]!.map((_, t) => values[b * width + prompt.length + t]!),
  );
}

/** Tensors without which nothing would be compared. */
const REQUIRED = [
  "logprobs",
  "entropy",
  "lora_logprobs",
  "lora_entropy",
  "greedy_tokens",
  "lora_greedy_tokens",
];

/** Opens a directory. Throws UserError naming the file or field that is missing or wrong. */
export async function openGolden(directory: string): Promise<Golden> {
  const config = parseDecoderConfig(
    await json(directory, "config.json"),
    path.join(directory, "config.json"),
  );
  const file = await tensors(directory, "golden.safetensors");
  for (const name of REQUIRED) file.entry(name);
  const meta = await json(directory, "golden.json");
  const name = path.basename(path.resolve(directory));
  const { weights: adapter, lora } = await openAdapter(await adapterFiles(directory), config, name);
  return {
    name,
    directory,
    config,
    weights: await modelWeights(directory),
    adapter,
    lora: { ...lora, seed: 0 },
    temperature: positive(meta, "temperature", directory),
    training: training(meta, directory),
    ...(await sequences(file)),
    norms: norms(meta),
    updateDeviation: (name) => updateDeviation(meta, name),
    file,
  };
}

async function json(directory: string, name: string): Promise<Json> {
  const file = path.join(directory, name);
  const text = (await load(directory, name)).toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UserError(`${file} is not JSON: the file is damaged or not what its name says.`, { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new UserError(`${file} holds ${JSON.stringify(value)?.slice(0, 40)}, and an object is needed.`);
}

async function load(directory: string, file: string): Promise<Buffer> {
  try {
    return await readFile(path.join(directory, file));
  } catch (cause) {
    const present = await readdir(directory).catch(() => undefined);
    const why = present
      ? `${directory} has no ${file}: it holds ${present.slice(0, 10).join(", ") || "nothing"}`
      : `There is no directory ${directory}`;
    throw new UserError(`${why}. One of golden numbers is needed, or a .json file, see docs/verify.md.`, {
      cause,
    });
  }
}

const tensors = async (directory: string, file: string): Promise<SafetensorsFile> =>
  openSafetensors(bytesSource(path.join(directory, file), await load(directory, file)));

/** `model.safetensors`, or the parts of it with their index. */
async function modelWeights(directory: string): Promise<ParameterSource> {
  const names = (await readdir(directory)).filter((name) => name.startsWith("model"));
  const sources = names.map((name) => path.join(directory, name)).map((file) => fileSource(file, file));
  const parts = (await Promise.all(sources)).filter(isSafetensorsPart);
  if (parts.length === 0) return parameterSource(await tensors(directory, "model.safetensors"));
  return (await openSafetensorsWeights(parts)).weights;
}

/** The two files of its adapter. */
const adapterFiles = (directory: string): Promise<ByteSource[]> =>
  Promise.all(
    ["adapter/adapter_config.json", "adapter/adapter_model.safetensors"].map(async (name) =>
      bytesSource(path.join(directory, name), await load(directory, name)),
    ),
  );

function positive(object: Json, name: string, directory: string): number {
  const value = object[name];
  if (typeof value === "number" && value > 0) return value;
  throw new UserError(
    `${directory}/golden.json: "${name}" is ${JSON.stringify(value) ?? "missing"}; a positive number is needed.`,
  );
}

function training(meta: Json, directory: string): GoldenTraining {
  const adamw = (meta["adamw"] ?? {}) as Json;
  const betas = adamw["betas"];
  if (!Array.isArray(betas) || betas.length !== 2 || !betas.every((beta) => typeof beta === "number")) {
    throw new UserError(
      `${directory}/golden.json: adamw.betas is ${JSON.stringify(betas) ?? "missing"}; two numbers are needed.`,
    );
  }
  return {
    lr: positive(adamw, "lr", directory),
    betas: betas as [number, number],
    eps: positive(adamw, "eps", directory),
    weightDecay: typeof adamw["weight_decay"] === "number" ? adamw["weight_decay"] : 0,
    maxNorm: positive(adamw, "clip_grad_norm", directory),
    steps: positive(adamw, "steps", directory),
  };
}

function norms(meta: Json): Golden["norms"] {
  const float64 = (meta["float64"] ?? {}) as Record<string, unknown>;
  const list = (name: string): number[] =>
    Array.isArray(float64[name])
      ? float64[name].map((step: Json) => Number(step["grad_norm_before_clip"]))
      : [];
  return { full: list("full_train"), adapter: list("lora_train") };
}

function updateDeviation(meta: Json, name: string): number {
  const all = (meta["deviation_of_hf_float32_parameter_updates_from_float64"] ?? {}) as Record<string, Json>;
  return Number(all[name]?.["overall_rel_l2"] ?? 0);
}

async function sequences(file: SafetensorsFile): Promise<Pick<Golden, "groups" | "coefficients">> {
  const tokens = await file.readI32("tokens");
  const lengths = await file.readI32("lengths");
  const prompts = await file.readI32("prompt_lengths");
  const coefficients = await file.readF32("coeffs");
  const width = file.entry("tokens").shape[1] ?? 0;
  const rows = [...lengths].map((length, b) => {
    const prompt = prompts[b] ?? 0;
    if (prompt < 1 || prompt >= length || length > width) {
      throw new UserError(
        `${file.name}: sequence ${b} has length ${length} and prompt length ${prompt} of ${width} tokens: at least one token of each is needed, within the width.`,
      );
    }
    const at = b * width;
    return {
      group: {
        prompt: [...tokens.subarray(at, at + prompt)],
        responses: [[...tokens.subarray(at + prompt, at + length)]],
      },
      coefficients: [...coefficients.subarray(at + prompt, at + length)],
    };
  });
  return { groups: rows.map(({ group }) => group), coefficients: rows.map((row) => row.coefficients) };
}
