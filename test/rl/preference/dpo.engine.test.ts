// Offline preference: the demo model learns from given pairs to show its working, a step is the loss's gradient however it is cut,
// it can be left before its first update, and what does not fit is left out or refused before anything is allocated.

import { describe, expect, test } from "vitest";

import { openModel } from "../../../src/model/open-model.ts";
import { trained } from "../../../src/node/verify/run.ts";
import { Interrupted, StepControl } from "../../../src/rl/control.ts";
import type { RunEvent } from "../../../src/rl/events.ts";
import { configWith } from "../../../src/rl/config.ts";
import { dpoStep } from "../../../src/rl/preference/dpo-step.ts";
import { preferenceStep } from "../../../src/rl/preference/step.ts";
import { sampleStep } from "../../../src/rl/sample.ts";
import type { Run } from "../../../src/rl/run.ts";
import { createRun } from "../../../src/rl/run.ts";
import { FRESH } from "../../../src/rl/state.ts";
import { relativeL2 } from "../../harness.ts";
import { demoFile, steady, tinyInputs, tinyRecorder, train } from "../tiny-run.ts";
import { pairProblems } from "./given-pairs.ts";

const recorder = await tinyRecorder();
const LORA = { "actor_rollout_ref.model.lora_rank": 4 };
const MINI = "actor_rollout_ref.actor.ppo_mini_batch_size";
const BUDGET = "actor_rollout_ref.actor.ppo_max_token_len_per_gpu";

async function open(values: Readonly<Record<string, unknown>>): Promise<Run> {
  const { model, problems, config } = await tinyInputs(values);
  return createRun(recorder, model, problems, config);
}
const control = (listener: (event: RunEvent) => void = () => {}): StepControl => new StepControl(1, listener);

test("the demo model learns from worked over bare answers, held-out pairs included", async () => {
  const files = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.onnx"].map(demoFile);
  const config = configWith({
    "gradus.mode": "dpo",
    "trainer.total_training_steps": 4,
    "trainer.test_freq": 4,
    "trainer.save_freq": -1,
    "data.train_batch_size": 16,
    "data.max_prompt_length": 64,
    "data.max_response_length": 48,
    [BUDGET]: 1024,
    "actor_rollout_ref.actor.optim.lr": 2e-4,
  });
  const problems = {
    train: await pairProblems("train.jsonl", 64),
    heldOut: await pairProblems("test.jsonl", 30),
  };
  const inputs = { model: await openModel(files, "demo"), problems, dataName: "pairs", config };
  const { run, rows } = await train({ recorder, inputs });
  const [before, first, , , last] = rows;
  // Before the first update the policy is its reference: undecided, at log 2.
  expect(before).toMatchObject({ "val-core/preference/accuracy": 0.5, "val-aux/preference/n": 30 });
  expect(first!["preference/ranking_loss"]).toBeCloseTo(Math.LN2, 12);
  expect([first!["rewards/margins"], first!["preference/kl"]]).toEqual([0, 0]);
  expect(last!["preference/accuracy"]).toBeGreaterThan(0.75);
  expect(last!["preference/margin"]).toBeGreaterThan(0.2);
  expect(last!["rewards/margins"]).toBeCloseTo(0.1 * last!["preference/margin"]!, 10);
  expect(last!["rewards/chosen"]).toBeGreaterThan(0);
  expect(last!["rewards/rejected"]).toBeLessThan(0);
  expect(last!["val-core/preference/accuracy"]).toBeGreaterThan(0.65);
  expect(last!["val-aux/preference/loss"]).toBeLessThan(0.685);
  expect(run.trainer.progress).toMatchObject({ drawn: 64, optimizerSteps: 4, evaluations: [] });
});

describe.each([
  ["offline preference", { "gradus.mode": "dpo" }],
  ["offline preference of an adapter", { "gradus.mode": "dpo", "gradus.label_smoothing": 0.2, ...LORA }],
  ["group preference", { "gradus.mode": "preference" }],
])("%s", (_, values) => {
  test("in one micro-batch is that in many, to 1e-5", async () => {
    const more = {
      ...values,
      "data.train_batch_size": 4,
      [MINI]: 4,
      "actor_rollout_ref.actor.optim.lr": 1e-4,
    };
    const [whole, cut] = [await open({ ...more, [BUDGET]: 1024 }), await open({ ...more, [BUDGET]: 48 })];
    const sample = await sampleStep(whole, 0, control());
    const take = async (run: Run) => {
      let micros = 0;
      const of = control((event) => {
        if (event.type === "progress" && event.phase === "update") micros = event.total / 2;
      });
      const { metrics } =
        run.config["gradus.mode"] === "dpo"
          ? await dpoStep(run, FRESH, of)
          : await preferenceStep(run, FRESH, of, sample, () => {});
      return { micros, row: steady([metrics])[0]!, moments: await trained(run.policy, "grad") };
    };
    const [one, many] = [await take(whole), await take(cut)];
    expect(one.micros).toBe(1);
    expect(many.micros).toBeGreaterThan(3);
    for (const [key, value] of Object.entries(one.row))
      expect(Math.abs(many.row[key]! - value), key).toBeLessThan(1e-5 * Math.max(1, Math.abs(value)));
    for (const [name, gradient] of one.moments)
      if (gradient.some((value) => value !== 0))
        expect(relativeL2(many.moments.get(name)!, gradient), name).toBeLessThan(1e-5);
    whole.destroy();
    cut.destroy();
  });
});

test("a step that is left before its first update changes nothing, and is the same when it is taken again", async () => {
  const run = await open({ "gradus.mode": "dpo" });
  const untouched = await trained(run.policy, "value");
  for (const phase of ["reference", "update"] as const) {
    const left = control((event) => {
      if (event.type === "progress" && event.phase === phase) left.interrupt();
    });
    await expect(dpoStep(run, FRESH, left)).rejects.toBeInstanceOf(Interrupted);
  }
  expect(await trained(run.policy, "value")).toEqual(untouched);
  const other = await open({ "gradus.mode": "dpo" });
  const [again, once] = [await dpoStep(run, FRESH, control()), await dpoStep(other, FRESH, control())];
  expect(steady([again.metrics])).toEqual(steady([once.metrics]));
  expect(await trained(run.policy, "value")).toEqual(await trained(other.policy, "value"));
  run.destroy();
  other.destroy();
});

test("a step shows its first pair, chosen before rejected, with implicit rewards and token by token", async () => {
  const run = await open({ "gradus.mode": "dpo", ...LORA });
  const events: RunEvent[] = [];
  await dpoStep(
    run,
    FRESH,
    control((event) => events.push(event)),
  );
  const scored = events.find((event) => event.type === "scored")!;
  const { question } = run.train.find(({ problem }) => problem.question === scored.question)!.problem;
  expect(scored.question).toBe(question);
  expect(scored.responses.map(({ verdict, reward }) => [verdict, reward])).toEqual([
    ["chosen", 0],
    ["rejected", 0],
  ]);
  const [chosen, rejected] = scored.responses;
  expect(chosen!.advantage).toBeGreaterThan(0);
  expect(rejected!.advantage).toBeCloseTo(-chosen!.advantage, 6);
  for (const { tokens } of scored.responses)
    expect(tokens.every(({ importanceRatio }) => importanceRatio === 1)).toBe(true);
  run.destroy();
});

test("without a reference a pair is judged by itself, and one pair is enough", async () => {
  const run = await open({
    "gradus.mode": "dpo",
    "gradus.dpo_reference": false,
    "data.train_batch_size": 1,
    [MINI]: 1,
  });
  const { metrics, applied } = await dpoStep(run, FRESH, control());
  expect(applied).toBe(1);
  expect(metrics["preference/kl"]).toBeUndefined();
  expect(metrics["preference/margin"]).toBeCloseTo(metrics["logps/chosen"]! - metrics["logps/rejected"]!, 10);
  expect(Object.values(metrics).every(Number.isFinite)).toBe(true);
  run.destroy();
});

test("pairs with a long response are left out and counted, and none at all is refused", async () => {
  const values = { "gradus.mode": "dpo", "data.val_max_samples": -1 };
  const { model, problems, config } = await tinyInputs(values);
  const [first, ...others] = problems.train;
  const long = { ...first!, pair: { chosen: "#### 3 and a good deal more than that", rejected: "#### 3" } };
  const events: RunEvent[] = [];
  const told = await train({
    recorder,
    inputs: {
      model,
      dataName: "pairs",
      config: { ...config, "trainer.total_training_steps": 1 },
      problems: { train: [long, ...others], heldOut: [long, ...problems.heldOut] },
    },
  });
  events.push(...told.events);
  expect(events.flatMap((event) => (event.type === "notice" ? [event.message] : []))).toEqual([
    expect.stringMatching(/^2 pairs are left out: a response has more than 8 tokens with its end/),
  ]);
  await expect(createRun(recorder, model, { train: [long], heldOut: [] }, config)).rejects.toThrow(
    /^Every pair has a response of more than .* 8 tokens; the shortest pair needs \d\d\. Raise/,
  );
});

test("a method and data that do not fit are refused in a sentence", async () => {
  const pairs = await tinyInputs({ "gradus.mode": "dpo" });
  const plain = await tinyInputs();
  const create = (problems: typeof pairs.problems, config: typeof pairs.config) =>
    createRun(recorder, pairs.model, problems, config);
  await expect(create(plain.problems, pairs.config)).rejects.toMatchObject({
    name: "UserError",
    message: expect.stringMatching(/^Offline preference \(DPO\) learns from preference pairs, and these are/),
  });
  await expect(create(pairs.problems, plain.config)).rejects.toThrow(
    /^Reinforcement learning judges sampled/,
  );
});
