// Runs a loss on the device for the tests, alone or against the reference.

import type { Recorder } from "../../../src/gpu/index.ts";
import { GpuAllocator } from "../../../src/gpu/index.ts";
import type { LossMemory } from "../../../src/rl/losses/launch.ts";
import {
  allocateLossMemory,
  policyLoss,
  readLossStats,
  uploadReference,
} from "../../../src/rl/losses/launch.ts";
import type { LossBatch, Objective } from "../../../src/rl/losses/policy-loss.ts";
import type { PolicyValues } from "../../../src/rl/losses/reference.ts";
import { objectiveReference } from "../../../src/rl/losses/reference.ts";
import { LOSS_STATS } from "../../../src/rl/losses/stats.ts";
import { expectClose, sharedRecorder, upload, zeros } from "../../harness.ts";
import type { Sample } from "./batches.ts";

/** float32 with exp of some last bits, beside the largest value. */
const CLOSE = 1e-5;

export interface Run {
  readonly recorder: Recorder;
  readonly memory: LossMemory;
  readonly dLogProb: Float32Array;
  readonly dEntropy: Float32Array;
}

/** One micro-batch into `memory`, whose counts go on. */
export async function run(
  recorder: Recorder,
  policy: PolicyValues,
  batch: LossBatch,
  what: Objective,
  memory = allocateLossMemory(new GpuAllocator(recorder.gpu), policy.logProb.length),
): Promise<Run> {
  const rows = policy.logProb.length;
  const head = {
    logProb: upload(recorder, policy.logProb),
    entropy: upload(recorder, policy.entropy),
    dLogProb: zeros(recorder, [rows]),
    dEntropy: zeros(recorder, [rows]),
  };
  if (policy.refLogProb) uploadReference(recorder, memory, policy.refLogProb);
  policyLoss(recorder, { memory, head, batch, objective: what });
  return {
    recorder,
    memory,
    dLogProb: await recorder.readF32(head.dLogProb),
    dEntropy: await recorder.readF32(head.dEntropy),
  };
}

/** Gradients and counts of a batch on the device are the reference's. */
export async function expectReference({ policy, batch }: Sample, what: Objective): Promise<void> {
  const wanted = objectiveReference(policy, batch, what);
  const { recorder, memory, dLogProb, dEntropy } = await run(await sharedRecorder(), policy, batch, what);
  const scale = Math.max(...wanted.dLogProb.map(Math.abs));
  expectClose(dLogProb, wanted.dLogProb, { rtol: CLOSE, atol: CLOSE * scale }, "dLogProb");
  expectClose(dEntropy, wanted.dEntropy, { rtol: CLOSE, atol: 0 }, "dEntropy");
  const stats = await readLossStats(recorder, memory);
  const rows = policy.logProb.length;
  for (const { id } of LOSS_STATS) {
    const isWeighted = ["pgLoss", "klLoss", "entropyLoss", "weight"].includes(id);
    expectClose([stats[id]], [wanted.stats[id]], { rtol: CLOSE, atol: CLOSE * (isWeighted ? 1 : rows) }, id);
  }
}
