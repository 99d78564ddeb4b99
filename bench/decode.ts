// Decoding on the reference model: tokens a second at 1, 8 and 32 rows. With `lora`, an adapter of rank 8 is on every
// module.

import { WgslRollout } from "../src/rollout/wgsl.ts";
import { printProfile } from "./profile.ts";
import { openBenchRecorder, REFERENCE, referencePolicy, seededWeights } from "./reference-model.ts";

export const summary = "decode tokens/s of the reference model at 1, 8 and 32 rows; lora: with an adapter";

const ROWS = [1, 8, 32] as const;
const PROMPT = Array.from({ length: 32 }, (_, i) => (i * 37) % REFERENCE.vocab);
const NEW_TOKENS = 64;
const ROUNDS = 3;
/** Few enough that all their timestamps fit the profiler. */
const PROFILED_TOKENS = 16;

export default async function run(args: readonly string[]): Promise<void> {
  const lora = args.includes("lora");
  const recorder = await openBenchRecorder();
  const { gpu } = recorder;
  const maxRows = Math.max(...ROWS);
  const rollout = { rows: maxRows, promptSlots: 4, maxPrompt: PROMPT.length, maxNew: NEW_TOKENS };
  const policy = await referencePolicy(recorder, seededWeights(), { lora, rollout });
  const engine = new WgslRollout(policy);
  const sampling = { temperature: 1, topK: 0, topP: 1, seed: [1, 2] as const };
  const decode = (samples: number, maxNew = NEW_TOKENS) =>
    engine.generate([{ prompt: PROMPT, samples, key: 0 }], {
      sampling,
      maxNew,
      stopTokens: [],
      useAdapter: lora,
    });
  await decode(maxRows);
  console.log(
    `adapter: ${gpu.adapterName};${lora ? " LoRA;" : ""} prompt ${PROMPT.length}, ${NEW_TOKENS} new tokens a row; best of ${ROUNDS}`,
  );
  console.log(
    `\n| rows | tokens/s | ms a step | dispatches a step | against 1 row |\n|---:|---:|---:|---:|---:|`,
  );
  let single = 0;
  for (const rows of ROWS) {
    let best = Infinity;
    let dispatches = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const before = gpu.usage.dispatches;
      const start = performance.now();
      await decode(rows);
      best = Math.min(best, performance.now() - start);
      dispatches = (gpu.usage.dispatches - before) / NEW_TOKENS;
    }
    const rate = (1000 * rows * NEW_TOKENS) / best;
    single ||= rate;
    console.log(
      `| ${rows} | ${rate.toFixed(0)} | ${(best / NEW_TOKENS).toFixed(1)} | ${dispatches.toFixed(0)} | ${(rate / single).toFixed(1)} x |`,
    );
  }
  console.log(`\n${maxRows} rows, ${PROFILED_TOKENS} tokens each, profiled:`);
  await printProfile(recorder, 1, () => decode(maxRows, PROFILED_TOKENS));
}
