// Advantage estimators that need more of a step than rewards: ReMax its greedy responses, the optimal token baseline its sums of
// squared probabilities. What each makes of them is in advantages/.

import { describe, expect, test } from "vitest";

import { readParameter } from "../../src/model/parameters.ts";
import { prepareBatches } from "../../src/rl/batches.ts";
import { StepControl } from "../../src/rl/control.ts";
import type { RunEvent } from "../../src/rl/events.ts";
import { createRun } from "../../src/rl/run.ts";
import { sampleStep } from "../../src/rl/sample.ts";
import { rolloutsOf } from "../../src/rl/score.ts";
import { relativeL2 } from "../harness.ts";
import type { Told } from "./tiny-run.ts";
import { tensorsAt, tinyInputs, tinyRecorder, train } from "./tiny-run.ts";

const recorder = await tinyRecorder();

const BUDGET = "actor_rollout_ref.actor.ppo_max_token_len_per_gpu";
const REMAX = {
  "algorithm.adv_estimator": "remax",
  "actor_rollout_ref.rollout.n": 1,
  "trainer.total_training_steps": 2,
  "trainer.save_freq": 1,
};
const TOKEN_BASELINE = { "algorithm.adv_estimator": "optimal_token_baseline" };

const starts = ({ events }: Told, phase: string, step: number): number =>
  events.filter(
    (event) => event.type === "progress" && event.phase === phase && event.step === step && event.done === 0,
  ).length;

async function expectToMove(told: Told, from: number, to: number): Promise<void> {
  const [before, after] = [await tensorsAt(told.keeping, from), await tensorsAt(told.keeping, to)];
  const weights = [...after].filter(([name]) => name.startsWith("value/"));
  expect(weights.some(([name, values]) => relativeL2(before.get(name)!, values) > 1e-4)).toBe(true);
}

describe("remax", () => {
  test("compares one response with the greedy one, which is judged by the same reward", async () => {
    const inputs = await tinyInputs({
      ...REMAX,
      "data.train_batch_size": 1,
      "actor_rollout_ref.actor.ppo_mini_batch_size": 1,
      "gradus.format_score": 0.25,
      "reward.reward_kwargs.overlong_buffer_cfg.enable": true,
      "reward.reward_kwargs.overlong_buffer_cfg.len": 8,
    });
    const told = await train({ recorder, inputs });
    for (const row of told.rows.slice(1)) {
      const lead = row["critic/score/mean"]! - row["critic/remax_baseline/mean"]!;
      expect(row["critic/advantages/max"]).toBeCloseTo(lead, 12);
      expect(row["critic/remax_baseline/mean"]).toBeLessThan(1);
    }
    expect(
      told.rows.slice(1).some((row) => row["critic/advantages/max"] !== 0),
      "the two differ",
    ).toBe(true);
    expect(told.run.trainer.progress.history.at(-1)!["timing_s/gen_max"]).toBeGreaterThan(0);
  });

  test("gives every prompt the baseline of its own greedy response", async () => {
    const { problems, ...inputs } = await tinyInputs({
      ...REMAX,
      "trainer.total_training_steps": 1,
      "data.train_batch_size": 6,
      "actor_rollout_ref.actor.ppo_mini_batch_size": 6,
      "actor_rollout_ref.rollout.n": 4,
    });
    // The model's greedy answer is 4, whatever is asked.
    const mixed = problems.train.map((problem, i) => ({ ...problem, groundTruth: ["3", "4", "5"][i % 3]! }));
    const told = await train({ recorder, inputs: { ...inputs, problems: { ...problems, train: mixed } } });
    expect(told.rows[1]).toMatchObject({ "critic/remax_baseline/mean": 1 / 3, "critic/advantages/max": 1 });
    const scored = told.events.find((event) => event.type === "scored")!;
    for (const { reward, advantage } of scored.responses)
      expect(advantage).toBe(reward - (scored.groundTruth === "4" ? 1 : 0));
  });

  test.each([
    ["", {}],
    [" and dynamic sampling", { "algorithm.filter_groups.enable": true, "actor_rollout_ref.rollout.n": 2 }],
  ])("a pause among the greedy responses%s loses no response and changes no number", async (_, values) => {
    const inputs = await tinyInputs({ ...REMAX, ...values });
    const undisturbed = await train({ recorder, inputs });
    await expectToMove(undisturbed, 1, 2);
    let isPaused = false;
    const told = await train({
      recorder,
      inputs,
      hear: (event: RunEvent, { trainer }) => {
        if (event.type === "state" && event.state === "paused") setTimeout(() => trainer.proceed());
        if (isPaused || event.type !== "progress" || event.phase !== "greedy" || event.step !== 2) return;
        isPaused = true;
        trainer.pause();
      },
    });
    expect(told.events.find((event) => event.type === "state" && event.state === "paused")).toMatchObject({
      step: 1,
    });
    expect(starts(told, "greedy", 2)).toBe(2);
    expect(starts(told, "rollout", 2)).toBe(starts(undisturbed, "rollout", 2));
    expect(told.rows).toEqual(undisturbed.rows);
    expect(await tensorsAt(told.keeping, 2)).toEqual(await tensorsAt(undisturbed.keeping, 2));
  });

  test("a step that needs no greedy responses writes none", async () => {
    const inputs = await tinyInputs({ "trainer.total_training_steps": 1, "trainer.val_before_train": false });
    const told = await train({ recorder, inputs });
    expect(starts(told, "greedy", 1)).toBe(0);
    expect(Object.keys(told.rows[0]!)).not.toContain("critic/remax_baseline/mean");
  });
});

describe("the optimal token baseline", () => {
  test("has its sums of squared probabilities as double precision has them", async () => {
    const { model, problems, config } = await tinyInputs({
      ...TOKEN_BASELINE,
      "actor_rollout_ref.rollout.temperature": 0.8,
    });
    const run = await createRun(recorder, model, problems, config);
    const control = new StepControl(1, () => {});
    const { groups } = await sampleStep(run, 0, control);
    const rollouts = rolloutsOf(groups.map(({ responses }) => responses));
    const items = groups.map(({ prompt }) => prompt.item);
    const { miniBatches, sumSquaredProb } = await prepareBatches(run, items, rollouts, control);
    const [{ micros }] = miniBatches as [(typeof miniBatches)[number]];
    const { batch, rollouts: owners } = micros.at(-1)!;
    // The head's input of the last pass is still there.
    const { hidden, vocab } = run.policy.config;
    const x = await recorder.readF32(run.policy.memory.head.x, batch.targets.length * hidden);
    const head = run.policy.trainable.find(({ name }) => name === "lm_head.weight")!;
    const weight = await readParameter(recorder, head, "value");
    const errors = batch.sources.map(({ token }, r) => {
      const logits = Array.from({ length: vocab }, (_, v) => {
        let sum = 0;
        for (let c = 0; c < hidden; c++) sum += x[r * hidden + c]! * weight[v * hidden + c]!;
        return sum / 0.8;
      });
      const top = Math.max(...logits);
      const exps = logits.map((z) => Math.exp(z - top));
      const total = exps.reduce((a, b) => a + b, 0);
      const wanted = exps.reduce((sum, e) => sum + (e / total) ** 2, 0);
      return Math.abs(sumSquaredProb!.get(owners[r]!)![token]! / wanted - 1);
    });
    expect(errors.length).toBeGreaterThan(20);
    // What rounds is the logits, of size 10 in float32.
    expect(Math.max(...errors)).toBeLessThan(3e-6);
    expect(() => run.policy.backward(), "the head was run again").toThrow(/forward pass right before/);
    expect(() => run.policy.headAgain(1)).toThrow(/right after a forward pass/);
    run.destroy();
  });

  test.each([
    ["all weights", {}],
    ["an adapter", { "actor_rollout_ref.model.lora_rank": 4, "actor_rollout_ref.rollout.temperature": 0.7 }],
  ])("moves %s alike in one micro-batch and in many, but for rounding", async (_, values) => {
    const common = {
      ...TOKEN_BASELINE,
      ...values,
      "trainer.total_training_steps": 1,
      "trainer.val_before_train": false,
      "actor_rollout_ref.rollout.n": 8,
    };
    const one = await train({ recorder, inputs: await tinyInputs({ ...common, [BUDGET]: 1024 }) });
    const many = await train({ recorder, inputs: await tinyInputs({ ...common, [BUDGET]: 48 }) });
    for (const [key, value] of Object.entries(one.rows[0]!))
      expect(Math.abs(many.rows[0]![key]! - value), key).toBeLessThan(1e-5 + 1e-4 * Math.abs(value));
    expect(one.rows[0]!["actor/grad_norm"]).toBeGreaterThan(1e-3);
    const reference = await tensorsAt(one.keeping, 1);
    for (const [name, tensor] of await tensorsAt(many.keeping, 1))
      if (name.startsWith("m/")) expect(relativeL2(tensor, reference.get(name)!), name).toBeLessThan(1e-4);
  });

  test("gives tokens of one response different advantages, and a resumed run the same bits", async () => {
    const inputs = await tinyInputs({
      ...TOKEN_BASELINE,
      "trainer.total_training_steps": 2,
      "trainer.save_freq": 1,
    });
    const whole = await train({ recorder, inputs });
    await expectToMove(whole, 1, 2);
    const advantages = whole.events.flatMap((event) =>
      event.type === "scored"
        ? event.responses.map(({ tokens }) => tokens.map(({ advantage }) => advantage))
        : [],
    );
    expect(advantages.some((list) => new Set(list).size > 1)).toBe(true);
    const { keeping } = await train({
      recorder,
      inputs,
      hear: (event, { trainer }) => {
        if (event.type === "metrics" && event.row["training/global_step"] === 1) trainer.stop();
      },
    });
    const resumed = await train({ recorder, inputs, keeping, from: "newest" });
    expect(resumed.rows).toEqual(whole.rows);
    expect(await tensorsAt(resumed.keeping, 2)).toEqual(await tensorsAt(whole.keeping, 2));
  });
});
