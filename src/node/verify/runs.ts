// What must hold over a run: same seed, same bits; rollouts that do not depend on what runs beside them; memory as
// planned, and no growth.

import type { Recorder } from "../../gpu/index.ts";
import type { RolloutResponse } from "../../rollout/engine.ts";
import { WgslRollout } from "../../rollout/wgsl.ts";
import type { Check } from "./check.ts";
import { maxAbs, mismatches } from "./check.ts";
import type { Golden } from "./golden.ts";
import type { Values } from "./run.ts";
import { defaultOptions, evaluate, rolloutSizes, trained, trainStep, withPolicy } from "./run.ts";

const GROWTH_STEPS = 200;
const PLAN = 0.05;

/** Determinism, rollouts and memory. */
export async function runChecks(recorder: Recorder, golden: Golden): Promise<Check[]> {
  return [
    ...(await determinismChecks(recorder, golden)),
    ...(await rolloutChecks(recorder, golden)),
    ...(await memoryChecks(recorder, golden)),
  ];
}

const bits = (values: ArrayLike<number>): Uint32Array => new Uint32Array(Float32Array.from(values).buffer);

async function determinismChecks(recorder: Recorder, golden: Golden): Promise<Check[]> {
  const checks: Check[] = [];
  for (const adapter of [false, true]) {
    const run = (): Promise<Values> =>
      withPolicy(recorder, golden, { adapter }, async (policy) => {
        for (let step = 1; step <= 2; step++) await trainStep(policy, golden, step, adapter);
        return trained(policy, "value");
      });
    const first = await run();
    const second = await run();
    let worst = 0;
    let where = "-";
    for (const [name, values] of first) {
      const count = mismatches(bits(values), bits(second.get(name)!));
      if (count > worst) [worst, where] = [count, name];
    }
    checks.push({
      name: `two runs of 2 steps equal to the bit, ${adapter ? "adapter" : "full"}`,
      worst,
      unit: "mismatches",
      tolerance: 0,
      where,
    });
  }
  checks.push(await referenceCheck(recorder, golden));
  return checks;
}

/** With the adapter off, a trained policy is the base model to the bit. */
async function referenceCheck(recorder: Recorder, golden: Golden): Promise<Check> {
  const run = { temperature: 1, useAdapter: false };
  const [before, after] = await withPolicy(recorder, golden, { adapter: true }, async (policy) => {
    const first = await evaluate(policy, golden.groups, run);
    await trainStep(policy, golden, 1, true);
    return [first, await evaluate(policy, golden.groups, run)];
  });
  const worst = mismatches(bits(before!.logProb), bits(after!.logProb));
  return {
    name: "reference log-probabilities unmoved by training",
    worst,
    unit: "mismatches",
    tolerance: 0,
    where: "-",
  };
}

async function rolloutChecks(recorder: Recorder, golden: Golden): Promise<Check[]> {
  const maxNew = 12;
  const seed = [7, 11] as const;
  const sampling = { temperature: golden.temperature, topK: 0, topP: 1, seed };
  const options = { sampling, maxNew, stopTokens: golden.config.eosTokenIds, useAdapter: true };
  const requests = golden.groups.map(({ prompt }, i) => ({ prompt, samples: 3, key: 100 * i }));
  const rollout = { ...rolloutSizes(golden, 4, maxNew), promptSlots: 2 };
  const tokenBudget =
    defaultOptions(golden, true).tokenBudget + requests.length * (rollout.maxPrompt + maxNew) * 3;
  return withPolicy(
    recorder,
    golden,
    { adapter: true, options: { rollout, tokenBudget } },
    async (policy) => {
      const engine = new WgslRollout(policy);
      const together = (await engine.generate(requests, options)).flat();
      const again = (await engine.generate([...requests].reverse(), options)).reverse().flat();
      const alone: RolloutResponse[] = [];
      for (const request of requests) {
        for (let sample = 0; sample < request.samples; sample++) {
          alone.push(
            (await engine.generate([{ ...request, samples: 1, firstSample: sample }], options))[0]![0]!,
          );
        }
      }
      const groups = requests.map(({ prompt, samples }, i) => ({
        prompt,
        responses: together.slice(samples * i, samples * (i + 1)).map(({ tokens }) => tokens),
      }));
      const { logProb } = await evaluate(policy, groups, {
        temperature: golden.temperature,
        useAdapter: true,
      });
      const sampled = maxAbs(
        together.flatMap(({ samplerLogProb }) => samplerLogProb),
        logProb,
      );
      return [
        sameRollouts("rollouts in another order equal to the bit", again, together),
        sameRollouts("rollouts one at a time equal to the bit", alone, together),
        {
          name: "sampler's log-probabilities = trainer's",
          worst: sampled.worst,
          unit: "abs",
          tolerance: 1e-4,
          where: `token ${sampled.index}`,
        },
      ];
    },
  );
}

function sameRollouts(
  name: string,
  actual: readonly RolloutResponse[],
  expected: readonly RolloutResponse[],
): Check {
  const differs = (a: RolloutResponse, b: RolloutResponse): number =>
    mismatches(a.tokens, b.tokens) + mismatches(bits(a.samplerLogProb), bits(b.samplerLogProb));
  const counts = expected.map((response, i) => differs(actual[i]!, response));
  const worst = counts.reduce((a, b) => a + b, 0);
  return {
    name,
    worst,
    unit: "mismatches",
    tolerance: 0,
    where: worst ? `response ${counts.findIndex((count) => count > 0)}` : "-",
  };
}

async function memoryChecks(recorder: Recorder, golden: Golden): Promise<Check[]> {
  const { gpu } = recorder;
  const rollout = rolloutSizes(golden, 4, 8);
  const system = gpu.usage.bytes.get("system") ?? 0;
  const others = gpu.liveBytes - system;
  return withPolicy(recorder, golden, { adapter: true, options: { rollout } }, async (policy) => {
    const allocated = gpu.liveBytes - others;
    // Growth shows on a few tokens as well as on all, and 200 steps of a large model would take long.
    const { prompt, responses } = golden.groups[0]!;
    const few = [{ prompt: prompt.slice(0, 4), responses: [responses[0]!.slice(0, 4)] }];
    const planned = policy.plan.total;
    for (let step = 1; step <= 2; step++) await trainStep(policy, golden, step, true, few);
    const [bytes, buffers] = [gpu.liveBytes, gpu.usage.buffersCreated];
    for (let step = 3; step <= GROWTH_STEPS; step++) await trainStep(policy, golden, step, true, few);
    return [
      {
        name: "memory plan against what was allocated",
        worst: Math.abs(allocated / planned - 1),
        unit: "rel",
        tolerance: PLAN,
        where: `${planned} planned`,
      },
      {
        name: `bytes gained from step 2 to ${GROWTH_STEPS}`,
        worst: gpu.liveBytes - bytes,
        unit: "bytes",
        tolerance: 0,
        where: `${bytes} held`,
      },
      {
        name: `buffers created from step 2 to ${GROWTH_STEPS}`,
        worst: gpu.usage.buffersCreated - buffers,
        unit: "mismatches",
        tolerance: 0,
        where: "-",
      },
    ];
  });
}
