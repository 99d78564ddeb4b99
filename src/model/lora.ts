// Low-rank adapters (Hu et al. 2021, arXiv:2106.09685): y += (alpha/r) x A^T B^T beside a frozen projection. The
// matrices of the modules in one stacked projection are stacked too, A in one tensor and B in another, so that one
// dispatch can serve them all. Names and shapes are PEFT's: A [r,in], B [out,r].

import { UserError } from "../common/errors.ts";
import { SeededRandom } from "../common/random.ts";
import { peftTensorName } from "../formats/peft.ts";
import { PlanAllocator } from "../gpu/index.ts";
import type { DecoderConfig } from "./config.ts";
import type { ParameterSource } from "./parameters.ts";
import type { Storage, Stored } from "./pools.ts";
import { FrozenStorage } from "./pools.ts";
import type { LinearName, LinearPart, Parameter } from "./weights.ts";
import { LINEARS, linearParts } from "./weights.ts";

/** PEFT's `target_modules`. */
export const LORA_TARGETS = [
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
] as const;
export type LoraTarget = (typeof LORA_TARGETS)[number];

export interface LoraConfig {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly LoraTarget[];
  /** Draws the initial A. */
  readonly seed: number;
}

/** One adapted module of a stacked projection. */
export interface LoraPart extends LinearPart {
  /** First column of this module's share of U = x A^T, and first row of its share of A. */
  readonly column: number;
  /** First row of this module's share of B. */
  readonly bRow: number;
}

/** The adapter of one stacked projection. */
export interface LoraBranch {
  readonly rank: number;
  /** alpha / rank. */
  readonly scale: number;
  /** Columns of U: rank times adapted modules. */
  readonly columns: number;
  /** A of all adapted modules, [columns,in]. */
  readonly a: Stored;
  /** B of all adapted modules, [sum of their rows,r]. */
  readonly b: Stored;
  readonly parts: readonly LoraPart[];
}

export type LayerAdapter = Partial<Record<LinearName, LoraBranch>>;

export interface Adapter {
  readonly config: LoraConfig;
  readonly layers: readonly LayerAdapter[];
  readonly parameters: readonly Parameter[];
}

/** Throws UserError when rank, alpha or a target makes no sense. */
export function checkLora({ rank, alpha, targets }: LoraConfig): void {
  if (!Number.isSafeInteger(rank) || rank < 1 || rank > 256) {
    throw new UserError(`LoRA rank is ${rank}: a whole number from 1 to 256 is needed.`);
  }
  if (!Number.isFinite(alpha) || alpha <= 0)
    throw new UserError(`LoRA alpha is ${alpha}: a positive number is needed.`);
  if (targets.length === 0)
    throw new UserError(`LoRA has no target modules: choose among ${LORA_TARGETS.join(", ")}.`);
  for (const target of targets) {
    if (!LORA_TARGETS.includes(target)) {
      throw new UserError(
        `LoRA target "${target}" is not a module of this model: choose among ${LORA_TARGETS.join(", ")}.`,
      );
    }
  }
}

/** Settings of PEFT that change what an adapter computes, with the values that mean what is computed here. */
const PEFT_PLAIN: Readonly<Record<string, readonly unknown[]>> = {
  peft_type: ["LORA"],
  use_rslora: [false],
  use_dora: [false],
  use_qalora: [false],
  lora_bias: [false],
  fan_in_fan_out: [false],
  bias: ["none"],
  modules_to_save: [null],
  layers_to_transform: [null],
  layer_replication: [null],
  target_parameters: [null],
  trainable_token_indices: [null],
  alora_invocation_tokens: [null],
  // The others change the frozen weights as well.
  init_lora_weights: [true, false, "gaussian", "orthogonal", "eva"],
};

/**
 * Reads PEFT's `adapter_config.json`. Throws UserError naming the field, its value and what is computed here: PEFT itself
 * would load most mistakes without a word.
 */
export function parsePeftConfig(
  json: Readonly<Record<string, unknown>>,
  file: string,
): Omit<LoraConfig, "seed"> {
  const show = (value: unknown): string => JSON.stringify(value) ?? "missing";
  for (const [field, allowed] of Object.entries(PEFT_PLAIN)) {
    const value = json[field];
    if (value === undefined || allowed.includes(value)) continue;
    throw new UserError(
      `${file}: ${field} is ${show(value)}, and this engine computes ${show(allowed[0])}. Save the adapter without it.`,
    );
  }
  for (const field of ["rank_pattern", "alpha_pattern"]) {
    if (Object.keys(json[field] ?? {}).length === 0) continue;
    throw new UserError(
      `${file}: ${field} is ${show(json[field])}, and this engine has one rank and alpha for all modules.`,
    );
  }
  const { r: rank, lora_alpha: alpha, target_modules: targets } = json;
  if (typeof rank !== "number") throw new UserError(`${file}: r is ${show(rank)}; a number is needed.`);
  if (typeof alpha !== "number")
    throw new UserError(`${file}: lora_alpha is ${show(alpha)}; a number is needed.`);
  if (!Array.isArray(targets)) {
    throw new UserError(`${file}: target_modules is ${show(targets)}; a list of module names is needed.`);
  }
  return { rank, alpha, targets: targets as LoraTarget[] };
}

/** Takes the adapter's tensors from `storage` in a fixed order and lists them under PEFT's names. */
export function buildAdapter(config: DecoderConfig, lora: LoraConfig, storage: Storage): Adapter {
  const parameters: Parameter[] = [];
  const kinds = linearParts(config);
  const layers = Array.from({ length: config.layers }, (_, index) => {
    const layer: LayerAdapter = {};
    for (const name of LINEARS) {
      const { inputs, parts } = kinds[name];
      const branch = buildBranch(`layers.${index}`, name, inputs, parts, lora, storage, parameters);
      if (branch) layer[name] = branch;
    }
    return layer;
  });
  return { config: lora, layers, parameters };
}

/** Shape of every parameter of an adapter by its PEFT name, A [r,in] and B [out,r], without allocating anything. */
export function adapterShapes(
  config: DecoderConfig,
  lora: LoraConfig,
): ReadonlyMap<string, readonly number[]> {
  const onPaper = new FrozenStorage(new PlanAllocator(), "f32");
  return new Map(buildAdapter(config, lora, onPaper).parameters.map(({ name, shape }) => [name, shape]));
}

function buildBranch(
  layer: string,
  name: LinearName,
  inputs: number,
  parts: readonly LinearPart[],
  { rank, alpha, targets }: LoraConfig,
  storage: Storage,
  parameters: Parameter[],
): LoraBranch | undefined {
  const adapted = parts.filter(({ module }) =>
    (targets as readonly string[]).includes(module.split(".")[1]!),
  );
  if (adapted.length === 0) return undefined;
  const columns = rank * adapted.length;
  const outputs = adapted.reduce((sum, { rows }) => sum + rows, 0);
  const a = storage.take(`${layer}.${name}.lora_A`, [columns, inputs]);
  const b = storage.take(`${layer}.${name}.lora_B`, [outputs, rank]);
  let bRow = 0;
  const branchParts = adapted.map((part, i): LoraPart => {
    const module = `model.${layer}.${part.module}`;
    parameters.push(
      {
        name: peftTensorName(module, "A"),
        shape: [rank, inputs],
        pieces: [{ stored: a, offset: i * rank * inputs, start: 0, count: rank * inputs }],
      },
      {
        name: peftTensorName(module, "B"),
        shape: [part.rows, rank],
        pieces: [{ stored: b, offset: bRow * rank, start: 0, count: part.rows * rank }],
      },
    );
    const branchPart = { ...part, column: i * rank, bRow };
    bRow += part.rows;
    return branchPart;
  });
  return { rank, scale: alpha / rank, columns, a, b, parts: branchParts };
}

/**
 * A fresh adapter as PEFT makes it: A [r,in] uniform in +-1/sqrt(in) (Kaiming with a = sqrt 5), B [out,r] zero, so that
 * it starts as no change. `firstStream` keeps the draws of two adapters of a run apart.
 */
export function freshAdapter({ config, parameters }: Adapter, firstStream = 0): ParameterSource {
  const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
  const names = [...shapes.keys()];
  return {
    name: "fresh adapter",
    shape: (name) => shapes.get(name),
    read: (name) => {
      const [rows, columns] = shapes.get(name) as [number, number];
      const values = new Float32Array(rows * columns);
      if (!name.endsWith("lora_A.weight")) return Promise.resolve(values);
      const random = new SeededRandom(config.seed, firstStream + names.indexOf(name));
      const bound = 1 / Math.sqrt(columns);
      return Promise.resolve(values.map(() => (2 * random.uniform() - 1) * bound));
    },
  };
}
