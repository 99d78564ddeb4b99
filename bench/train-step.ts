// One training step of the reference model: time, breakdown per kernel, dispatches, submits, peak bytes. With `lora`, an
// adapter of rank 8 on every module is trained instead of all weights.

import { printProfile } from "./profile.ts";
import {
  openBenchRecorder,
  referencePolicy,
  referenceStep,
  seededBatch,
  seededWeights,
  STEP_FLOP,
  TOKENS,
} from "./reference-model.ts";

export const summary =
  "one training step of the 854k-parameter reference model, with its breakdown per kernel; lora: of an adapter";

const WARM_UP = 5;
const STEPS = 8;
const PROFILED = 3;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

export default async function run(args: readonly string[]): Promise<void> {
  const lora = args.includes("lora");
  const recorder = await openBenchRecorder();
  const { gpu } = recorder;
  const policy = await referencePolicy(recorder, seededWeights(), { lora });
  const times: number[] = [];
  let step = 0;
  let before = { ...gpu.usage };
  for (let i = 0; i < WARM_UP + STEPS; i++) {
    before = { ...gpu.usage };
    if (i === WARM_UP) recorder.pace.longestMs = 0;
    const start = performance.now();
    await referenceStep(policy, seededBatch(i), ++step);
    if (i >= WARM_UP) times.push(performance.now() - start);
  }
  const ms = median(times);
  console.log(`adapter: ${gpu.adapterName}`);
  console.log(
    `step: ${ms.toFixed(0)} ms (median of ${STEPS}, ${Math.min(...times).toFixed(0)} to ${Math.max(...times).toFixed(0)})`,
  );
  console.log(
    `${((1000 * TOKENS) / ms).toFixed(0)} tokens/s, ${(STEP_FLOP / ms / 1e6).toFixed(2)} GFLOP/s counted as 6 * N * tokens`,
  );
  console.log(
    `dispatches ${gpu.usage.dispatches - before.dispatches}, submits ${gpu.usage.submits - before.submits}, new buffers ${gpu.usage.buffersCreated - before.buffersCreated}`,
  );
  console.log(
    `bytes held ${(gpu.liveBytes / 2 ** 20).toFixed(1)} MiB, longest submit ${recorder.pace.longestMs.toFixed(0)} ms`,
  );
  await printProfile(recorder, PROFILED, () => referenceStep(policy, seededBatch(step), ++step));
}
