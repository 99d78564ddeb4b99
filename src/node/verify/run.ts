// Small programs over a policy that several checks share: log-probabilities, gradients, training steps, greedy decoding.

import type { Recorder } from "../../gpu/index.ts";
import type { RolloutSizes } from "../../model/decode-memory.ts";
import type { PolicyOptions } from "../../model/memory.ts";
import type { Group, MicroBatch } from "../../model/packing.ts";
import { packGroups } from "../../model/packing.ts";
import type { ParameterSource } from "../../model/parameters.ts";
import { readParameter } from "../../model/parameters.ts";
import { Policy } from "../../model/policy.ts";
import type { AdamwOptions } from "../../optim/optimizer.ts";
import { optimizerStep } from "../../optim/optimizer.ts";
import type { Golden } from "./golden.ts";

/** Values by parameter name. */
export type Values = Map<string, Float32Array>;

/** How a policy is made for a check; what is not said follows from the golden directory. */
export interface PolicyChoice {
  readonly adapter: boolean;
  readonly recorder?: Recorder;
  readonly weights?: ParameterSource;
  readonly options?: Partial<PolicyOptions>;
}

const totalTokens = (groups: readonly Group[]): number =>
  groups.reduce((sum, { prompt, responses }) => sum + prompt.length + responses.flat().length, 0);

/** Options of a plain policy for the golden sequences. */
export function defaultOptions(golden: Golden, adapter: boolean): PolicyOptions {
  return {
    ...(adapter && { lora: golden.lora }),
    baseType: "f32",
    tokenBudget: totalTokens(golden.groups),
    activationCheckpointing: false,
    headChunk: 2 ** 22,
  };
}

/** Makes a policy, runs `use` and frees it. */
export async function withPolicy<T>(
  recorder: Recorder,
  golden: Golden,
  choice: PolicyChoice,
  use: (policy: Policy) => Promise<T>,
): Promise<T> {
  const options = { ...defaultOptions(golden, choice.adapter), ...choice.options };
  const policy = await Policy.create(
    choice.recorder ?? recorder,
    golden.config,
    options,
    choice.weights ?? golden.weights,
  );
  try {
    if (choice.adapter) await policy.loadAdapter(golden.adapter);
    return await use(policy);
  } finally {
    policy.destroy();
  }
}

/** Rollout sizes for `rows` responses of at most `maxNew` tokens to the golden prompts. */
export const rolloutSizes = (golden: Golden, rows: number, maxNew: number): RolloutSizes => ({
  rows,
  promptSlots: rows,
  maxPrompt: Math.max(...golden.groups.map(({ prompt }) => prompt.length)),
  maxNew,
});

export interface PassOptions {
  readonly temperature: number;
  readonly useAdapter: boolean;
  /** Default: the policy's whole budget. */
  readonly tokenBudget?: number;
}

/** Log-probability and entropy of every response token, in the order of `groups`. */
export async function evaluate(
  policy: Policy,
  groups: readonly Group[],
  pass: PassOptions,
): Promise<{ logProb: number[]; entropy: number[] }> {
  const logProb: number[] = [];
  const entropy: number[] = [];
  for (const batch of packGroups(groups, pass.tokenBudget ?? policy.options.tokenBudget)) {
    policy.forward(batch, pass);
    logProb.push(...(await policy.recorder.readF32(policy.memory.head.logProb, batch.targets.length)));
    entropy.push(...(await policy.recorder.readF32(policy.memory.head.entropy, batch.targets.length)));
  }
  return { logProb, entropy };
}

/** Weights of log-probabilities (and of entropies) in the function whose gradient is wanted: [group][response][token]. */
export interface Objective {
  readonly logProb: (source: MicroBatch["sources"][number]) => number;
  readonly entropy?: (source: MicroBatch["sources"][number]) => number;
}

/** Records forward and backward over `groups`, gradients from zero. */
function accumulate(policy: Policy, groups: readonly Group[], objective: Objective, pass: PassOptions): void {
  policy.clearGradients();
  for (const batch of packGroups(groups, pass.tokenBudget ?? policy.options.tokenBudget)) {
    policy.forward(batch, pass);
    const { logProb, entropy } = objective;
    const values = (of: typeof logProb) => Float32Array.from(batch.sources, of);
    policy.setTargetGradients(values(logProb), entropy && values(entropy));
    policy.backward();
  }
}

/** Values or gradients of every trained parameter. */
export async function trained(policy: Policy, what: "value" | "grad"): Promise<Values> {
  const values: Values = new Map();
  for (const parameter of policy.trainable)
    values.set(parameter.name, await readParameter(policy.recorder, parameter, what));
  return values;
}

/** Gradients of the objective with respect to every trained parameter. */
export async function gradients(
  policy: Policy,
  groups: readonly Group[],
  objective: Objective,
  pass: PassOptions,
): Promise<Values> {
  accumulate(policy, groups, objective, pass);
  return trained(policy, "grad");
}

/** The golden L, negated for training when `sign` is -1. */
export const goldenObjective = (golden: Golden, sign = 1): Objective => ({
  logProb: ({ group, token }) => sign * golden.coefficients[group]![token]!,
});

/**
 * Takes training step `step` (1-based) of -L at temperature 1 over `groups`, by default all; returns the gradient norm
 * before clipping.
 */
export async function trainStep(
  policy: Policy,
  golden: Golden,
  step: number,
  useAdapter: boolean,
  groups: readonly Group[] = golden.groups,
): Promise<number> {
  accumulate(policy, groups, goldenObjective(golden, -1), { temperature: 1, useAdapter });
  optimizerStep(policy.recorder, policy.memory, step, adamwOptions(golden));
  return (await policy.recorder.readF32(policy.memory.norm, 1))[0]!;
}

const adamwOptions = ({ training }: Golden): AdamwOptions => ({
  lr: training.lr,
  beta1: training.betas[0],
  beta2: training.betas[1],
  eps: training.eps,
  weightDecay: training.weightDecay,
  decay: "all",
  maxNorm: training.maxNorm,
});
