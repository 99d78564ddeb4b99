// A model of Qwen2.5-0.5B's exact shape with random weights: the memory plan, one LoRA step and a few decoded tokens.
// It shows that the real size runs within a device's limits; how fast a real GPU is, a software adapter does not tell.

import { packGroups } from "../src/model/packing.ts";
import { Policy } from "../src/model/policy.ts";
import { optimizerStep } from "../src/optim/optimizer.ts";
import { randomWeights } from "../src/node/make-model/random-weights.ts";
import { WgslRollout } from "../src/rollout/wgsl.ts";
import { QWEN_05B, QWEN_05B_LORA } from "./qwen-0.5b.ts";
import { openBenchRecorder } from "./reference-model.ts";

export const summary =
  "memory plan, one LoRA step and decoding at Qwen2.5-0.5B's size, random weights (needs 3 GB)";

const OPTIONS = { ...QWEN_05B_LORA, rollout: { rows: 8, promptSlots: 2, maxPrompt: 128, maxNew: 128 } };
const ADAMW = {
  lr: 1e-4,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0,
  decay: "all",
  maxNorm: 1,
} as const;

async function timed<T>(what: string, run: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await run();
  console.log(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return result;
}

export default async function run(): Promise<void> {
  const recorder = await openBenchRecorder();
  console.log(`adapter: ${recorder.gpu.adapterName}`);
  const policy = await timed("load", () =>
    Policy.create(recorder, QWEN_05B, OPTIONS, randomWeights(QWEN_05B)),
  );
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  for (const [owner, bytes] of policy.plan.bytes) console.log(`  ${owner}: ${mib(bytes)}`);
  console.log(`planned ${mib(policy.plan.total)}, held ${mib(recorder.gpu.liveBytes)}`);
  const prompt = Array.from({ length: 16 }, (_, i) => (i * 9973) % QWEN_05B.vocab);
  const sampling = { temperature: 1, topK: 0, topP: 1, seed: [1, 2] as const };
  const engine = new WgslRollout(policy);
  const options = { sampling, maxNew: 8, stopTokens: [], useAdapter: true };
  const [responses] = await timed("2 responses of 8 tokens", () =>
    engine.generate([{ prompt, samples: 2, key: 0 }], options),
  );
  const groups = [{ prompt, responses: responses!.map(({ tokens }) => tokens) }];
  const [batch] = packGroups(groups, OPTIONS.tokenBudget);
  recorder.write(
    policy.memory.head.dLogProb,
    Float32Array.from(batch!.targets, () => -1),
  );
  for (const step of [1, 2]) {
    recorder.pace.longestMs = 0;
    const logProb = await timed(`LoRA step ${step} on ${batch!.tokens.length} tokens`, async () => {
      policy.forward(batch!, { temperature: 1, useAdapter: true });
      policy.clearGradients();
      policy.backward();
      optimizerStep(recorder, policy.memory, step, ADAMW);
      return recorder.readF32(policy.memory.head.logProb, batch!.targets.length);
    });
    const sampled = responses!.flatMap(({ samplerLogProb }) => samplerLogProb);
    const worst = Math.max(...sampled.map((value, i) => Math.abs(value - logProb[i]!)));
    console.log(
      `  mean log-probability ${(logProb.reduce((a, b) => a + b, 0) / logProb.length).toFixed(4)}; sampler differs by at most ${worst.toExponential(1)}`,
    );
  }
  const [norm] = await recorder.readF32(policy.memory.norm, 1);
  console.log(
    `gradient norm ${norm!.toPrecision(4)}, longest submit ${recorder.pace.longestMs.toFixed(0)} ms`,
  );
}
