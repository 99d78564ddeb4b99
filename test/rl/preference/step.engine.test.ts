// Group preference on a tiny real model: an update pulls its pairs apart, micro-batches change nothing but rounding, rounds
// use the policy that the round before left, and a step can be left only before its first update.

import { describe, expect, test } from "vitest";

import type { RunConfig } from "../../../src/rl/config.ts";
import { Interrupted, StepControl } from "../../../src/rl/control.ts";
import type { RunEvent } from "../../../src/rl/events.ts";
import { preferenceStep } from "../../../src/rl/preference/step.ts";
import type { Run } from "../../../src/rl/run.ts";
import { createRun } from "../../../src/rl/run.ts";
import { sampleStep } from "../../../src/rl/sample.ts";
import type { StepSample } from "../../../src/rl/sample.ts";
import { FRESH, readTensors } from "../../../src/rl/state.ts";
import { relativeL2 } from "../../harness.ts";
import { tinyInputs, tinyRecorder } from "../tiny-run.ts";

const recorder = await tinyRecorder();
const BETA = "gradus.preference_beta";

async function open(values: Readonly<Partial<Record<string, unknown>>> = {}): Promise<Run> {
  const inputs = await tinyInputs({ "gradus.mode": "preference", ...values });
  return createRun(recorder, inputs.model, inputs.problems, inputs.config as RunConfig);
}

const control = (listener: (event: RunEvent) => void = () => {}): StepControl => new StepControl(1, listener);
const step = (run: Run, sample?: StepSample, of = control()) =>
  preferenceStep(run, FRESH, of, sample, () => {});

async function values(run: Run): Promise<Float32Array> {
  const all: number[] = [];
  for await (const [name, numbers] of readTensors(run)) if (name.startsWith("value/")) all.push(...numbers);
  return Float32Array.from(all);
}

describe.each([
  ["a sum of all pairs", {}],
  ["a mean of all pairs", { "gradus.preference_log_prob": "mean", [BETA]: 2 }],
  ["the best against the worst", { "gradus.ranking_loss": false }],
  ["a reference that is a copy", { "gradus.preference_reference": true }],
  [
    "a reference under an adapter",
    { "gradus.preference_reference": true, "actor_rollout_ref.model.lora_rank": 4 },
  ],
])("under %s", (_, settings) => {
  test("steps on the same responses lower the loss and pull the pairs apart", async () => {
    const run = await open(settings);
    const sample = await sampleStep(run, 0, control());
    const first = await step(run, sample);
    await step(run, sample);
    const third = await step(run, sample);
    expect(first).toMatchObject({ applied: 1, skipped: 0, drawn: 2 });
    expect(first.metrics["preference/pairs"]).toBeGreaterThan(0);
    expect(third.metrics["preference/pairs"]).toBe(first.metrics["preference/pairs"]);
    expect(third.metrics["preference/margin"]).toBeGreaterThan(first.metrics["preference/margin"]! + 0.01);
    expect(third.metrics["preference/ranking_loss"]).toBeLessThan(first.metrics["preference/ranking_loss"]!);
    if (settings["gradus.preference_reference" as keyof typeof settings]) {
      // Before the first update the policy is its reference, and a pair is undecided.
      expect(first.metrics["preference/margin"]).toBe(0);
      expect(first.metrics["preference/ranking_loss"]).toBeCloseTo(Math.LN2, 12);
      expect(first.metrics["preference/kl"]).toBe(0);
      expect(third.metrics["preference/kl"]).toBeGreaterThan(0);
    }
    run.destroy();
  });
});

test("a group that micro-batches cut gives the same step, but for rounding", async () => {
  const budget = "actor_rollout_ref.actor.ppo_max_token_len_per_gpu";
  const [whole, cut] = [await open(), await open({ [budget]: 64 })];
  const sample = await sampleStep(whole, 0, control());
  const before = await values(whole);
  const [one, many] = [await step(whole, sample), await step(cut, sample)];
  expect(many.metrics["preference/ranking_loss"]).toBeCloseTo(one.metrics["preference/ranking_loss"]!, 6);
  expect(many.metrics["actor/grad_norm"]! / one.metrics["actor/grad_norm"]!).toBeCloseTo(1, 5);
  const after = await values(whole);
  // AdamW's first step is the sign of the gradient, which magnifies rounding where the gradient is near 0.
  expect(relativeL2(await values(cut), after)).toBeLessThan(1e-3);
  expect(relativeL2(before, after)).toBeGreaterThan(1e-3);
  whole.destroy();
  cut.destroy();
});

test("rounds take the next prompts, and count their updates", async () => {
  const run = await open({ "gradus.self_play_rounds": 3 });
  const scored: RunEvent[] = [];
  const result = await step(
    run,
    undefined,
    control((event) => event.type === "scored" && scored.push(event)),
  );
  expect(result).toMatchObject({ applied: 3, skipped: 0, drawn: 6 });
  expect(scored).toHaveLength(3);
  run.destroy();
});

test("a round that dynamic sampling cannot fill ends the step, which keeps the rounds before", async () => {
  const run = await open({
    "gradus.self_play_rounds": 2,
    "algorithm.filter_groups.enable": true,
    "algorithm.filter_groups.max_num_gen_batches": 1,
  });
  const plain = await open();
  const sample = await sampleStep(plain, 0, control());
  const differing = sample.groups.find(({ responses: [first, ...others] }) =>
    others.some(({ reward }) => reward.score !== first!.reward.score),
  )!;
  const notices: string[] = [];
  // Problems whose answer the model cannot give: every response earns nothing.
  const hard = { ...run, train: run.train.map((prompt) => unanswerable(prompt)) };
  const result = await preferenceStep(
    hard,
    FRESH,
    control((event) => event.type === "notice" && notices.push(event.message)),
    { ...sample, groups: [differing] },
    () => {},
  );
  expect(result).toMatchObject({ applied: 1, drawn: 2 });
  expect(notices).toEqual([
    expect.stringMatching(/^Step 1 ends after 1 of 2 self-play rounds\. After 1 rounds/),
  ]);
  run.destroy();
  plain.destroy();
});

const unanswerable = <T extends { readonly problem: object }>(prompt: T): T => ({
  ...prompt,
  problem: { ...prompt.problem, groundTruth: "-1" },
});

test("without pairs nothing changes, and the step says so", async () => {
  const run = await open({ "gradus.preference_margin": 10 });
  const before = await values(run);
  const { applied, skipped, metrics } = await step(run);
  expect([applied, skipped, metrics["preference/pairs"], metrics["actor/grad_norm"]]).toEqual([0, 0, 0, 0]);
  expect(Object.values(metrics).every(Number.isFinite)).toBe(true);
  expect(await values(run)).toEqual(before);
  run.destroy();
});

test("a step is left before its first update, and finished with all its rounds after it", async () => {
  const run = await open({ "gradus.self_play_rounds": 2 });
  const before = await values(run);
  const early = control((event) => {
    if (event.type === "progress" && event.phase === "update") early.interrupt();
  });
  await expect(step(run, undefined, early)).rejects.toBeInstanceOf(Interrupted);
  expect(await values(run)).toEqual(before);

  const late = control((event) => {
    if (event.type === "scored") late.interrupt();
  });
  expect(await step(run, undefined, late)).toMatchObject({ applied: 2, drawn: 4 });
  run.destroy();
});
