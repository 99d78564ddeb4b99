// Steps with a critic: its updates are those of the reference loss, response by response; both models move, the policy not
// before its time; the critic learns what rewards are worth; and nothing of it leaves with the trained weights.

import { afterAll, describe, expect, test } from "vitest";

import { trainedModel } from "../../../src/app/trained-model.ts";
import { formsOf, weightExport } from "../../../src/app/weight-exports.ts";
import { bytesSource, openSafetensors } from "../../../src/formats/safetensors.ts";
import type { Critic } from "../../../src/model/critic.ts";
import { packGroups } from "../../../src/model/packing.ts";
import { readParameter } from "../../../src/model/parameters.ts";
import { optimizerStep } from "../../../src/optim/optimizer.ts";
import type { RunConfig } from "../../../src/rl/config.ts";
import { prepareBatches } from "../../../src/rl/batches.ts";
import { StepControl } from "../../../src/rl/control.ts";
import type { CriticStep } from "../../../src/rl/critic/step.ts";
import { askCritic, teachCritic } from "../../../src/rl/critic/step.ts";
import { valueLossReference } from "../../../src/rl/critic/value-loss.ts";
import type { MetricRow } from "../../../src/rl/metrics.ts";
import { adamwOptions } from "../../../src/rl/options/index.ts";
import type { Run } from "../../../src/rl/run.ts";
import { createRun } from "../../../src/rl/run.ts";
import { sampleStep } from "../../../src/rl/sample.ts";
import type { JudgedRollout } from "../../../src/rl/score.ts";
import { rolloutsOf } from "../../../src/rl/score.ts";
import { afterCritic } from "../../../src/rl/state.ts";
import type { Told } from "../tiny-run.ts";
import { tensorsAt, tinyInputs, tinyRecorder, train } from "../tiny-run.ts";
import { collected } from "../../formats/fixtures.ts";

const recorder = await tinyRecorder();

const PPO = {
  "algorithm.adv_estimator": "gae",
  "critic.optim.lr": 1e-2,
  "trainer.val_before_train": false,
  "trainer.test_freq": -1,
};
const SAPO = { ...PPO, "actor_rollout_ref.actor.policy_loss.loss_mode": "sapo" };
const RS_BOUNDS = "algorithm.rollout_correction.rollout_rs_threshold";
const LORA = { "actor_rollout_ref.model.lora_rank": 4 };
const ALONE = {
  "actor_rollout_ref.rollout.n": 1,
  "data.train_batch_size": 4,
  "actor_rollout_ref.actor.ppo_mini_batch_size": 4,
};

/** Whether any value of policy or critic differs between the checkpoints of two steps. */
async function moved(
  { keeping }: Told,
  from: number,
  to: number,
): Promise<Record<"policy" | "critic", boolean>> {
  const [before, after] = [await tensorsAt(keeping, from), await tensorsAt(keeping, to)];
  const differs = (isOf: (name: string) => boolean): boolean =>
    [...before].some(
      ([name, values]) => isOf(name) && values.some((value, i) => value !== after.get(name)![i]),
    );
  return {
    policy: differs((name) => name.startsWith("value/") && !name.startsWith("value/critic.")),
    critic: differs((name) => name.startsWith("value/critic.")),
  };
}

describe.each([
  ["PPO, all weights", PPO],
  ["PPO with adapters, one response a prompt", { ...PPO, ...LORA, ...ALONE }],
  ["SAPO with adapters", { ...SAPO, ...LORA }],
])("%s", async (_, values) => {
  test("moves policy and critic in every step", async () => {
    const inputs = await tinyInputs({ ...values, "trainer.total_training_steps": 2, "trainer.save_freq": 1 });
    const told = await train({ recorder, inputs });
    expect(told.outcome).toBe("finished");
    expect(await moved(told, 1, 2)).toEqual({ policy: true, critic: true });
    expect(told.run.trainer.progress).toMatchObject({
      optimizerSteps: 2,
      critic: { optimizerSteps: 2, skippedUpdates: 0 },
    });
    expect(told.rows.at(-1)).toMatchObject({ "critic/lr": 1e-2, "critic/skipped_updates": 0 });
  });
});

test("before its time the policy does not move, and its schedule begins with its first step", async () => {
  const inputs = await tinyInputs({
    ...PPO,
    "trainer.critic_warmup": 3,
    "trainer.save_freq": 1,
    "actor_rollout_ref.actor.optim.lr_warmup_steps": 2,
  });
  const told = await train({ recorder, inputs });
  expect(await moved(told, 1, 2)).toEqual({ policy: false, critic: true });
  expect(await moved(told, 2, 3)).toEqual({ policy: true, critic: true });
  expect(told.rows.map((row) => row["actor/lr"])).toEqual([0, 0, 1.5e-3, 3e-3]);
  expect(told.rows.map((row) => row["actor/pg_loss"] === undefined)).toEqual([true, true, false, false]);
  expect(told.rows.map((row) => row["training/global_step"])).toEqual([1, 2, 3, 4]);
  for (const row of told.rows) expect(row["actor/entropy"]).toBeGreaterThan(0);
  expect(told.run.trainer.progress).toMatchObject({ optimizerSteps: 2, critic: { optimizerSteps: 4 } });
});

test.each([
  ["rejected", { "algorithm.rollout_correction.rollout_rs": "seq_mean_k1", [RS_BOUNDS]: "2.0_3.0" }],
  ["cut off", { "gradus.mask_truncated_responses": true, "data.max_response_length": 2 }],
])("a step whose responses are all %s teaches neither", async (_, values) => {
  const inputs = await tinyInputs({
    ...PPO,
    ...values,
    "trainer.total_training_steps": 2,
    "trainer.save_freq": 1,
  });
  const told = await train({ recorder, inputs });
  expect(told.outcome).toBe("finished");
  expect(await moved(told, 1, 2)).toEqual({ policy: false, critic: false });
  expect(told.run.trainer.progress).toMatchObject({ optimizerSteps: 0, critic: { optimizerSteps: 0 } });
  for (const row of told.rows) {
    expect(Object.values(row).every(Number.isFinite)).toBe(true);
    expect(row).toMatchObject({ "actor/empty_updates": 1 });
    expect(row["critic/values/mean"]).toBeUndefined();
  }
});

test("advantages are whitened over the responses that are left, and so are the numbers of the critic", async () => {
  const inputs = await tinyInputs({
    ...PPO,
    "gradus.mask_truncated_responses": true,
    "data.max_response_length": 4,
    "actor_rollout_ref.rollout.n": 8,
    "trainer.total_training_steps": 2,
  });
  const { rows } = await train({ recorder, inputs });
  for (const row of rows) {
    expect(row["response_length/clip_ratio"]).toBeGreaterThan(0);
    expect(row["response_length/clip_ratio"]).toBeLessThan(1);
    expect(row["critic/advantages/max"]).toBeGreaterThan(0);
    expect(Math.abs(row["critic/advantages/mean"]!)).toBeLessThan(1e-6);
  }
});

describe("a critic on the responses of one step", async () => {
  const { model, problems, config } = await tinyInputs({
    ...PPO,
    ...LORA,
    "actor_rollout_ref.rollout.n": 8,
    "critic.ppo_epochs": 4,
  });
  const run = await createRun(recorder, model, problems, config);
  afterAll(() => run.destroy());
  const control = (): StepControl => new StepControl(1, () => {});
  const sample = await sampleStep(run, 0, control());
  const rollouts = rolloutsOf(sample.groups.map(({ responses }) => responses));
  const prompts = sample.groups.map(({ prompt }) => prompt.item);
  const batches = await prepareBatches(run, prompts, rollouts, control());

  /** Asks and teaches it once more; `tokenRewards` instead of the rewards. */
  async function teach(lesson: number, tokenRewards?: Float64Array[]): Promise<CriticStep> {
    const opinion = await askCritic(run, rollouts, batches, control());
    const progress = { optimizerSteps: 4 * lesson, skippedUpdates: 0 };
    const values = rollouts.map((rollout) => opinion!.values.get(rollout)!);
    const inputs = { values, ...(tokenRewards && { tokenRewards }) };
    return teachCritic(run, opinion!, { rollouts, batches, inputs }, progress, control());
  }

  test("comes to foresee their rewards when it is taught them again and again", async () => {
    const rows: MetricRow[] = [];
    for (let lesson = 0; lesson < 6; lesson++) rows.push((await teach(lesson)).metrics);
    // At first every value is 0: nothing is foreseen.
    expect(rows[0]!["critic/values/max"]).toBe(0);
    expect(rows[0]!["critic/vf_explained_var"]).toBeCloseTo(0, 3);
    // The first tokens of a group's responses are the same, and their rewards are not: much stays unforeseen.
    expect(rows.at(-1)!["critic/vf_loss"]).toBeLessThan(0.8 * rows[0]!["critic/vf_loss"]!);
    expect(rows.at(-1)!["critic/vf_explained_var"]).toBeGreaterThan(0.15);
  });

  test("does not move by a gradient that is not finite, and that is counted", async () => {
    const before = (await askCritic(run, rollouts, batches, control()))!.values;
    const spoilt = rollouts.map(({ tokens }) => Float64Array.from(tokens, () => NaN));
    const { updates } = await teach(6, spoilt);
    expect(updates.map(({ isSkipped }) => isSkipped)).toEqual([true, true, true, true]);
    expect(updates[0]!.stats.notFinite).toBe(updates[0]!.stats.tokens);
    expect((await askCritic(run, rollouts, batches, control()))!.values).toEqual(before);
    expect(afterCritic({ optimizerSteps: 3, skippedUpdates: 1 }, { applied: 2, skipped: 4 })).toEqual({
      optimizerSteps: 5,
      skippedUpdates: 5,
    });
  });
});

/** Sums of f32 in another order differ by about 1e-6 of their size. */
const CLOSE = 1e-4;

test.each([
  ["all weights", {}],
  ["an adapter", LORA],
])(
  "the updates of a critic with %s are those of the reference loss, response by response",
  async (_, more) => {
    const inputs = await tinyInputs({
      ...PPO,
      ...more,
      "trainer.total_training_steps": 1,
      "data.train_batch_size": 4,
      "actor_rollout_ref.actor.ppo_mini_batch_size": 2,
      "critic.ppo_epochs": 2,
      "critic.loss_agg_mode": "seq-mean-token-mean",
      "critic.optim.lr": 5e-3,
      "critic.cliprange_value": 0.05,
      "algorithm.gamma": 0.9,
    });
    const [row] = (await train({ recorder, inputs })).rows;
    const run = await createRun(recorder, inputs.model, inputs.problems, inputs.config);
    const wanted = await byResponse(run);
    run.destroy();
    expect(wanted).toHaveLength(4);
    expect(wanted.at(-1)!.clipped, "the clip is met").toBeGreaterThan(0);
    const mean = (key: keyof (typeof wanted)[number]): number =>
      wanted.reduce((sum, update) => sum + update[key], 0) / wanted.length;
    const near = (key: string, value: number): void =>
      expect(Math.abs(row![key]! / value - 1), key).toBeLessThan(CLOSE);
    near("critic/vf_loss", mean("loss"));
    near("critic/grad_norm", mean("norm"));
    near("critic/vpred_mean", mean("value"));
    near("critic/vf_clipfrac", mean("clipped"));
  },
);

/** What every update of the critic in the first step of `run` should come to. */
async function byResponse(run: Run) {
  const { config, critic } = run;
  const sample = await sampleStep(run, 0, new StepControl(1, () => {}));
  const prompts = sample.groups.map(({ prompt }) => prompt.item.tokens);
  const rollouts = rolloutsOf(sample.groups.map(({ responses }) => responses));
  const { model } = critic!;
  const results = [];
  for (const half of [0, 1, 0, 1]) {
    const members = rollouts.filter(({ group }) => group >> 1 === half);
    const tokens = members.reduce((sum, rollout) => sum + rollout.tokens.length, 0);
    const sums = { loss: 0, value: 0, clipped: 0 };
    model.clearGradients();
    for (const rollout of members) {
      const { stats } = await learn(model, prompts[rollout.group]!, rollout, members.length, config);
      sums.loss += stats.vfLoss;
      sums.value += stats.value / tokens;
      sums.clipped += stats.clipped / tokens;
    }
    const grads = await Promise.all(model.trainable.map((one) => readParameter(recorder, one, "grad")));
    const norm = Math.hypot(...grads.map((grad) => Math.hypot(...grad)));
    optimizerStep(recorder, model.memory, results.length + 1, adamwOptions(config, 1, "critic"));
    results.push({ ...sums, norm });
  }
  return results;
}

/** Forward, reference loss and backward of one response. The first values are 0, so that returns are discounted rewards. */
async function learn(
  model: Critic,
  prompt: readonly number[],
  { tokens, reward }: JudgedRollout,
  sequences: number,
  config: RunConfig,
) {
  const [batch] = packGroups([{ prompt, responses: [tokens] }], 256);
  model.forward(batch!);
  const values = await recorder.readF32(model.memory.value, tokens.length);
  const loss = valueLossReference(
    values,
    {
      oldValue: tokens.map(() => 0),
      returns: tokens.map((__, t) => reward.score * 0.9 ** (tokens.length - 1 - t)),
      weight: tokens.map(() => 1 / (tokens.length * sequences)),
    },
    config["critic.cliprange_value"],
  );
  recorder.write(model.memory.dValue, Float32Array.from(loss.dValue));
  model.backward();
  return loss;
}

test.each([
  ["all weights", {}],
  ["an adapter", LORA],
])("%s are exported without the critic, which its checkpoint holds", async (_, more) => {
  const inputs = await tinyInputs({ ...PPO, ...more, "trainer.total_training_steps": 1 });
  const { keeping } = await train({ recorder, inputs });
  const checkpoint = await keeping.checkpoints.open("run", 1);
  const kept = [...checkpoint.tensors.keys()].filter((name) => name.includes("/critic."));
  expect(kept).toContain("m/critic.score.weight");
  const trained = trainedModel(checkpoint, inputs.model, inputs.config);
  const files = await weightExport(trained, formsOf(trained)[0]!);
  const weights = files.find(({ name }) => name.endsWith(".safetensors"))!;
  const opened = await openSafetensors(bytesSource(weights.name, await collected(weights)));
  const names = [...opened.entries.keys()];
  expect(names.length).toBeGreaterThan(10);
  expect(names.filter((name) => /critic|score/.test(name))).toEqual([]);
});
