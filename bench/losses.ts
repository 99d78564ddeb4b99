// What every policy loss costs beside a training step of the reference model: its upload, its dispatches and its counts, with KL
// and entropy terms, against forward, backward and AdamW on the same 1,024 tokens. Should stay below 1 %.

import { GpuAllocator } from "../src/gpu/index.ts";
import { DEFAULTS } from "../src/rl/config.ts";
import type { LossBatch, Objective } from "../src/rl/losses/index.ts";
import { lossParams, POLICY_LOSSES } from "../src/rl/losses/index.ts";
import { allocateLossMemory, clearLossStats, policyLoss, readLossStats } from "../src/rl/losses/launch.ts";
import { randomPerToken } from "../src/rl/losses/selection.ts";
import type { Policy } from "../src/model/policy.ts";
import {
  BATCH,
  LENGTH,
  openBenchRecorder,
  referencePolicy,
  referenceStep,
  seededBatch,
  seededWeights,
  TOKENS,
} from "./reference-model.ts";

export const summary = "every policy loss as a share of a training step of the reference model";

const WARM_UP = 3;
const ROUNDS = 7;
/** Losses in one sample, so that a wait for the device is a small part of it. */
const REPEATS = 20;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** Ratios near 1 on both sides, and every third response a good one. */
function lossBatch(logProb: ArrayLike<number>): LossBatch {
  const noise = randomPerToken([1, 1], TOKENS);
  const random = randomPerToken([1, 2], TOKENS);
  const starts = Array.from({ length: BATCH + 1 }, (_, b) => b * LENGTH);
  return {
    oldLogProb: Float64Array.from(logProb, (value, r) => value + 0.4 * (noise[r]! - 0.5)),
    advantage: Float64Array.from(logProb, (_, r) => (Math.floor(r / LENGTH) % 3 === 0 ? 1.2 : -0.6)),
    weight: new Float64Array(TOKENS).fill(1 / TOKENS),
    samplerWeight: new Float64Array(TOKENS).fill(1.1),
    mask: Float64Array.from(logProb, (_, r) => (r % 50 === 0 ? 0 : 1)),
    sequenceStarts: starts,
    random,
  };
}

/** Milliseconds of one training step, the device idle before and after. */
async function stepMs(policy: Policy, step: number): Promise<number> {
  const start = performance.now();
  await referenceStep(policy, seededBatch(step), step);
  await policy.recorder.done();
  return performance.now() - start;
}

export default async function run(): Promise<void> {
  const recorder = await openBenchRecorder();
  const policy = await referencePolicy(recorder, seededWeights());
  const memory = allocateLossMemory(new GpuAllocator(recorder.gpu), TOKENS);
  const { head } = policy.memory;
  let step = 0;
  for (let i = 0; i < WARM_UP; i++) await stepMs(policy, ++step);
  const batch = lossBatch(await recorder.readF32(head.logProb, TOKENS));
  const config = DEFAULTS as Readonly<Record<string, unknown>>;

  const lossMs = async (objective: Objective): Promise<number> => {
    clearLossStats(recorder, memory);
    await recorder.done();
    const start = performance.now();
    for (let i = 0; i < REPEATS; i++) policyLoss(recorder, { memory, head, batch, objective });
    await readLossStats(recorder, memory);
    return (performance.now() - start) / REPEATS;
  };

  console.log(`adapter: ${recorder.gpu.adapterName}`);
  console.log(`${TOKENS} tokens; medians of ${ROUNDS} interleaved rounds of a step and ${REPEATS} losses\n`);
  console.log("| loss | ms | of a step of ms | share |\n|---|---:|---:|---:|");
  for (const loss of POLICY_LOSSES) {
    const objective: Objective = {
      loss,
      params: lossParams(loss, (key) => config[key] as number | undefined),
      kl: { type: "low_var_kl", coef: 0.001 },
      entropyCoef: 0.001,
    };
    await lossMs(objective);
    const [steps, losses]: [number[], number[]] = [[], []];
    for (let i = 0; i < ROUNDS; i++) {
      steps.push(await stepMs(policy, ++step));
      losses.push(await lossMs(objective));
    }
    const [one, whole] = [median(losses), median(steps)];
    console.log(
      `| ${loss.id} | ${one.toFixed(2)} | ${whole.toFixed(0)} | ${((100 * one) / whole).toFixed(2)} % |`,
    );
  }
}
