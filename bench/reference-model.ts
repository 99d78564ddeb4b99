// The reference model of the training benchmark, as every peer is measured with it: Qwen2-like, 4 layers, hidden 128,
// 854,144 parameters, full fine-tuning, 16 sequences of 64 tokens. Weights and batches are the caller's or seeded here.

import { SeededRandom } from "../src/common/random.ts";
import type { Recorder } from "../src/gpu/index.ts";
import { openRecorder } from "../src/gpu/index.ts";
import type { DecoderConfig } from "../src/model/config.ts";
import type { RolloutSizes } from "../src/model/decode-memory.ts";
import type { PolicyOptions } from "../src/model/memory.ts";
import type { Group, MicroBatch } from "../src/model/packing.ts";
import { packGroups } from "../src/model/packing.ts";
import type { ParameterSource } from "../src/model/parameters.ts";
import { LORA_TARGETS } from "../src/model/lora.ts";
import { Policy } from "../src/model/policy.ts";
import { parameterShapes } from "../src/model/weights.ts";
import { optimizerStep } from "../src/optim/optimizer.ts";
import { chooseMatmul } from "../src/ops/matmul-choice.ts";

export const REFERENCE: DecoderConfig = {
  family: "qwen2",
  layers: 4,
  hidden: 128,
  heads: 4,
  kvHeads: 2,
  headSize: 32,
  intermediate: 384,
  vocab: 512,
  maxPositions: 1024,
  ropeTheta: 1e6,
  rmsEps: 1e-6,
  tied: true,
  eosTokenIds: [],
};
export const BATCH = 16;
export const LENGTH = 64;
export const TOKENS = BATCH * LENGTH;
/** 6 * N * tokens with N all 854,144 parameters, the peers' definition. */
export const STEP_FLOP = 6 * 854_144 * TOKENS;

const ADAMW = {
  lr: 1e-3,
  beta1: 0.9,
  beta2: 0.95,
  eps: 1e-8,
  weightDecay: 0.01,
  decay: "all",
  maxNorm: Infinity,
} as const;

/** A recorder on the best adapter there is, self-tested, with matrix products chosen by measurement. */
export async function openBenchRecorder(): Promise<Recorder> {
  const recorder = await openRecorder({ gpu: navigator.gpu });
  await chooseMatmul(recorder);
  return recorder;
}

/** Weights drawn from a seed: N(0, 0.02) matrices, ones for norms, zeros for biases. */
export function seededWeights(seed = 1): ParameterSource {
  const random = new SeededRandom(seed);
  return {
    name: `seed ${seed}`,
    shape: (name) => shapes.get(name),
    read: async (name) => {
      const shape = shapes.get(name)!;
      const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
      if (name.includes("norm")) return values.fill(1);
      return shape.length === 2 ? values.map(() => 0.02 * random.normal()) : values;
    },
  };
}

const shapes = parameterShapes(REFERENCE);

/** LoRA of rank 8 on every module. */
const LORA = { rank: 8, alpha: 16, targets: LORA_TARGETS, seed: 1 } as const;

/** Makes the reference policy; activations are kept, and everything is trained unless `lora` asks for an adapter. */
export function referencePolicy(
  recorder: Recorder,
  weights: ParameterSource,
  { lora = false, rollout }: { readonly lora?: boolean; readonly rollout?: RolloutSizes } = {},
): Promise<Policy> {
  const options: PolicyOptions = {
    baseType: "f32",
    tokenBudget: TOKENS,
    activationCheckpointing: false,
    headChunk: TOKENS * REFERENCE.vocab,
    ...(lora && { lora: LORA }),
    ...(rollout && { rollout }),
  };
  return Policy.create(recorder, REFERENCE, options, weights);
}

/** Sixteen sequences as prompt (first token) and response (the other 64): 1,024 inputs, 1,024 targets. */
export const asBatch = (inputs: ArrayLike<number>, targets: ArrayLike<number>): MicroBatch => {
  const groups: Group[] = Array.from({ length: BATCH }, (_, b) => ({
    prompt: [inputs[b * LENGTH]!],
    responses: [Array.from({ length: LENGTH }, (_, t) => targets[b * LENGTH + t]!)],
  }));
  return packGroups(groups, TOKENS)[0]!;
};

/** A random batch. */
export function seededBatch(seed: number): MicroBatch {
  const random = new SeededRandom(seed);
  const tokens = Array.from({ length: BATCH * (LENGTH + 1) }, () => random.integer(REFERENCE.vocab));
  const at = (b: number, t: number): number => tokens[b * (LENGTH + 1) + t]!;
  const inputs = Array.from({ length: TOKENS }, (_, n) => at(Math.floor(n / LENGTH), n % LENGTH));
  return asBatch(
    inputs,
    Array.from(inputs, (_, n) => at(Math.floor(n / LENGTH), (n % LENGTH) + 1)),
  );
}

/** Takes one AdamW step on the mean cross-entropy, of the adapter if there is one; returns the loss before it. */
export async function referenceStep(policy: Policy, batch: MicroBatch, step: number): Promise<number> {
  const { recorder, memory } = policy;
  if (step === 1) recorder.write(memory.head.dLogProb, new Float32Array(TOKENS).fill(-1 / TOKENS));
  policy.forward(batch, { temperature: 1, useAdapter: true });
  policy.clearGradients();
  policy.backward();
  optimizerStep(recorder, memory, step, ADAMW);
  const logProb = await recorder.readF32(memory.head.logProb, TOKENS);
  return -logProb.reduce((a, b) => a + b, 0) / TOKENS;
}
