// A directory of golden numbers as Hugging Face's own code computed them: model, adapter, tokens, log-probabilities,
// gradients, parameters after training, greedy tokens. The format is described in the README beside such a directory.

import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

import { UserError } from "../../common/errors.ts";
import type { SafetensorsFile } from "../../formats/safetensors.ts";
import { bytesSource, openSafetensors } from "../../formats/safetensors.ts";
import type { DecoderConfig } from "../../model/config.ts";
import { parseDecoderConfig } from "../../model/config.ts";
import type { LoraConfig, LoraTarget } from "../../model/lora.ts";
import type { Group } from "../../model/packing.ts";
import type { ParameterSource } from "../../model/parameters.ts";

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

/** Opens a directory. Throws UserError naming the file or field that is missing or wrong. */
export async function openGolden(directory: string): Promise<Golden> {
  const name = path.basename(path.resolve(directory));
  const json = async (file: string): Promise<Record<string, unknown>> => {
    const text = (await load(directory, file)).toString("utf8");
    try {
      return JSON.parse(text) as Record<string, unknown>;
    } catch (cause) {
      throw new UserError(
        `${path.join(directory, file)} is not JSON: the file is damaged or not what its name says.`,
        { cause },
      );
    }
  };
  const config = parseDecoderConfig(await json("config.json"));
  const file = await tensors(directory, "golden.safetensors");
  const meta = await json("golden.json");
  const peft = await json("adapter/adapter_config.json");
  return {
    name,
    config,
    weights: parameterSource(await tensors(directory, "model.safetensors")),
    adapter: parameterSource(await tensors(directory, "adapter/adapter_model.safetensors")),
    lora: loraConfig(peft),
    temperature: field(meta, "temperature", "number") as number,
    training: training(field(meta, "adamw", "object") as Record<string, unknown>),
    ...(await sequences(file)),
    norms: norms(meta),
    file,
  };
}

async function load(directory: string, file: string): Promise<Buffer> {
  try {
    return await readFile(path.join(directory, file));
  } catch (cause) {
    const present = await readdir(directory).catch(() => undefined);
    const why = present ? `it holds ${present.join(", ") || "nothing"}` : "there is no such folder";
    throw new UserError(
      `${directory} has no ${file}: ${why}. A directory of golden numbers is needed, see docs/verify.md.`,
      { cause },
    );
  }
}

const tensors = async (directory: string, file: string): Promise<SafetensorsFile> =>
  openSafetensors(bytesSource(path.join(directory, file), await load(directory, file)));

/** Parameters straight from a safetensors file. */
export const parameterSource = (file: SafetensorsFile): ParameterSource => ({
  name: file.name,
  shape: (name) => file.entries.get(name)?.shape,
  read: (name) => file.readF32(name),
});

function field(json: Record<string, unknown>, name: string, type: "number" | "object"): unknown {
  const value = json[name];
  if (typeof value !== type || value === null)
    throw new UserError(
      `golden.json: "${name}" is ${JSON.stringify(value) ?? "missing"}; a ${type} is needed.`,
    );
  return value;
}

function training(json: Record<string, unknown>): GoldenTraining {
  const betas = json["betas"] as [number, number];
  const number = (name: string): number => field(json, name, "number") as number;
  return {
    lr: number("lr"),
    betas,
    eps: number("eps"),
    weightDecay: number("weight_decay"),
    maxNorm: number("clip_grad_norm"),
    steps: number("steps"),
  };
}

function norms(meta: Record<string, unknown>): Golden["norms"] {
  const float64 = (meta["float64"] ?? {}) as Record<string, { grad_norm_before_clip: number }[]>;
  const list = (name: string): number[] => (float64[name] ?? []).map((step) => step.grad_norm_before_clip);
  return { full: list("full_train"), adapter: list("lora_train") };
}

function loraConfig(peft: Record<string, unknown>): LoraConfig {
  const { r: rank, lora_alpha: alpha, target_modules: targets } = peft;
  if (typeof rank !== "number" || typeof alpha !== "number" || !Array.isArray(targets)) {
    throw new UserError("adapter_config.json: r, lora_alpha and target_modules (a list) are needed.");
  }
  return { rank, alpha, targets: targets as LoraTarget[], seed: 0 };
}

async function sequences(file: SafetensorsFile): Promise<Pick<Golden, "groups" | "coefficients">> {
  const tokens = await file.readI32("tokens");
  const lengths = await file.readI32("lengths");
  const prompts = await file.readI32("prompt_lengths");
  const coefficients = await file.readF32("coeffs");
  const width = file.entry("tokens").shape[1]!;
  const rows = [...lengths].map((length, b) => ({
    tokens: [...tokens.subarray(b * width, b * width + length)],
    prompt: prompts[b]!,
    coefficients: [...coefficients.subarray(b * width + prompts[b]!, b * width + length)],
  }));
  return {
    groups: rows.map((row) => ({
      prompt: row.tokens.slice(0, row.prompt),
      responses: [row.tokens.slice(row.prompt)],
    })),
    coefficients: rows.map((row) => row.coefficients),
  };
}
