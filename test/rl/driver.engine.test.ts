// What stands around a policy loss, in whole steps of a tiny run: rollout correction, bypass mode, TRL's options; and the odd
// steps, of which nothing may become NaN: rewards alike, groups of one, responses that are cut off or rejected.

import { expect, test } from "vitest";

import { trained } from "../../src/node/verify/run.ts";
import type { StepBatches } from "../../src/rl/batches.ts";
import { prepareBatches } from "../../src/rl/batches.ts";
import { StepControl } from "../../src/rl/control.ts";
import type { MetricRow } from "../../src/rl/metrics.ts";
import type { Run } from "../../src/rl/run.ts";
import { createRun } from "../../src/rl/run.ts";
import { sampleStep } from "../../src/rl/sample.ts";
import type { JudgedRollout } from "../../src/rl/score.ts";
import { advantagesFor, rolloutsOf } from "../../src/rl/score.ts";
import type { StepUpdate } from "../../src/rl/update.ts";
import { updatePolicy } from "../../src/rl/update.ts";
import { relativeL2 } from "../harness.ts";
import { tensorsAt, tinyInputs, tinyRecorder, train } from "./tiny-run.ts";

const recorder = await tinyRecorder();

const CORRECTION = "algorithm.rollout_correction";
const ONE_STEP = {
  "trainer.total_training_steps": 1,
  "trainer.val_before_train": false,
  "trainer.test_freq": -1,
};

interface OneStep {
  readonly run: Run;
  readonly batches: StepBatches;
  readonly update: StepUpdate;
  readonly gradients: ReadonlyMap<string, Float32Array>;
  readonly moved: number;
}

/** A step on rollouts that `change` may alter after they were judged. */
async function oneStep(
  values: Readonly<Record<string, unknown>>,
  change: (rollout: JudgedRollout) => JudgedRollout = (rollout) => rollout,
): Promise<OneStep> {
  const { model, problems, config } = await tinyInputs(values);
  const control = new StepControl(1, () => {});
  const run = await createRun(recorder, model, problems, config);
  const before = await trained(run.policy, "value");
  const { groups } = await sampleStep(run, 0, control);
  const rollouts = rolloutsOf(groups.map(({ responses }) => responses)).map(change);
  const items = groups.map(({ prompt }) => prompt.item);
  const batches = await prepareBatches(run, items, rollouts, control);
  const advantages = advantagesFor(run, rollouts);
  const update = await updatePolicy(run, batches, advantages, { optimizerSteps: 0 }, control);
  const gradients = await trained(run.policy, "grad");
  const after = await trained(run.policy, "value");
  const moved = Math.max(...[...before].map(([name, value]) => relativeL2(after.get(name)!, value)));
  run.destroy();
  return { run, batches, update, gradients, moved };
}

const isFinite = (row: MetricRow): boolean => Object.values(row).every(Number.isFinite);

const FIRST = { "actor_rollout_ref.actor.optim.weight_decay": 0 };

test("a mini-batch whose responses are all cut off is left out: no update, weights as they were", async () => {
  const cut = (rollout: JudgedRollout): JudgedRollout => ({ ...rollout, isTruncated: rollout.group === 0 });
  const values = { ...FIRST, "gradus.mask_truncated_responses": true };
  const all = await oneStep(values, (rollout) => ({ ...rollout, isTruncated: true }));
  expect([all.update.updates.length, all.update.empty, all.moved]).toEqual([0, 1, 0]);
  for (const { entropy } of all.batches.numbers.values())
    expect(Math.min(...entropy), "what the policy says is known all the same").toBeGreaterThan(0);

  const half = await oneStep({ ...values, "actor_rollout_ref.actor.ppo_mini_batch_size": 1 }, cut);
  expect([half.update.updates.length, half.update.empty]).toEqual([1, 1]);
  expect(half.moved).toBeGreaterThan(0);

  const one = await oneStep(values, cut);
  const { tokens } = one.update.updates[0]!.stats;
  const kept = [...one.batches.numbers.keys()].filter(({ group }) => group === 1);
  expect(tokens).toBe(kept.reduce((sum, rollout) => sum + rollout.tokens.length, 0));
  expect(one.batches.miniBatches[0]!.counts).toEqual({ tokens, sequences: 8 });
});

test("the step of a run that leaves everything out goes on, says so, and keeps its weights", async () => {
  const inputs = await tinyInputs({
    ...ONE_STEP,
    [`${CORRECTION}.rollout_rs`]: "seq_mean_k1",
    [`${CORRECTION}.rollout_rs_threshold`]: "2.0_3.0",
  });
  const { outcome, rows, events, run } = await train({ recorder, inputs });
  expect(outcome).toBe("finished");
  expect(rows[0]).toMatchObject({
    "actor/empty_updates": 1,
    "rollout_corr/rollout_rs_masked_fraction": expect.closeTo(1, 6),
  });
  expect(rows[0]!["actor/pg_loss"]).toBeUndefined();
  expect(isFinite(rows[0]!)).toBe(true);
  expect(events.find(({ type }) => type === "notice")).toMatchObject({
    message: /One update left out because every response/,
  });
  expect(run.trainer.progress.optimizerSteps).toBe(0);
});

test.each([
  [
    "rewards alike",
    {},
    (rollout: JudgedRollout) => ({ ...rollout, reward: { ...rollout.reward, score: 0.1 } }),
  ],
  [
    "groups of one",
    {
      "actor_rollout_ref.rollout.n": 1,
      "algorithm.adv_estimator": "reinforce_plus_plus",
      "data.train_batch_size": 6,
      "actor_rollout_ref.actor.ppo_mini_batch_size": 6,
    },
    undefined,
  ],
  [
    "responses without a token",
    {},
    (rollout: JudgedRollout) =>
      rollout.sample === 0 ? { ...rollout, tokens: [], samplerLogProb: [] } : rollout,
  ],
])("%s: no number is NaN", async (what, values, change) => {
  const { update, gradients, moved } = await oneStep({ ...FIRST, ...values }, change);
  const [only] = update.updates;
  expect(only!.isSkipped).toBe(false);
  expect(Object.values(only!.stats).every(Number.isFinite)).toBe(true);
  for (const gradient of gradients.values()) expect(gradient.every(Number.isFinite)).toBe(true);
  if (what === "rewards alike") expect([only!.gradNorm, moved], "nothing to learn").toEqual([0, 0]);
  else expect(only!.gradNorm).toBeGreaterThan(0);
});

/** Sampler log-probabilities off by up to 0.3 nats, each response in a direction of its own. */
const drifted = (rollout: JudgedRollout): JudgedRollout => ({
  ...rollout,
  samplerLogProb: rollout.samplerLogProb.map(
    (value, t) => value + 0.3 * Math.sin(rollout.sample + 2 * rollout.group + 0.4 * t),
  ),
});

const OPTIONS = [
  [
    "weights and rejection",
    {
      [`${CORRECTION}.rollout_is`]: "sequence",
      [`${CORRECTION}.rollout_rs`]: "token_k1,seq_max_k3",
      [`${CORRECTION}.rollout_rs_threshold`]: "1.25,0.04",
      "actor_rollout_ref.actor.use_kl_loss": true,
      "actor_rollout_ref.actor.entropy_coeff": 0.02,
    },
  ],
  [
    "bypass mode with REINFORCE",
    {
      [`${CORRECTION}.bypass_mode`]: true,
      [`${CORRECTION}.loss_type`]: "reinforce",
      [`${CORRECTION}.rollout_is`]: "token",
      [`${CORRECTION}.rollout_is_threshold`]: "1.1",
      [`${CORRECTION}.rollout_rs`]: "token_k1",
      [`${CORRECTION}.rollout_rs_threshold`]: "1.25",
    },
  ],
  [
    "bypass mode with the clip",
    { [`${CORRECTION}.bypass_mode`]: true, "gradus.importance_level": "sequence" },
  ],
  [
    "TRL's options",
    {
      "gradus.top_entropy_quantile": 0.5,
      "gradus.off_policy_mask_threshold": 0.02,
      "gradus.importance_level": "sequence",
      "gradus.use_adaptive_entropy": true,
      "actor_rollout_ref.actor.entropy_coeff": 0.02,
      "actor_rollout_ref.actor.loss_agg_mode": "seq-mean-token-mean",
    },
  ],
] as const;

test.each(OPTIONS)("%s: one micro-batch is several, gradient by gradient", async (_, values) => {
  const budget = (tokens: number) => ({
    ...values,
    "actor_rollout_ref.rollout.n": 8,
    "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": tokens,
  });
  const [one, many] = [await oneStep(budget(512), drifted), await oneStep(budget(48), drifted)];
  const micros = ({ batches }: OneStep): number => batches.miniBatches[0]!.micros.length;
  expect(micros(one)).toBe(1);
  expect(micros(many)).toBeGreaterThanOrEqual(3);
  for (const [name, gradient] of one.gradients)
    expect(relativeL2(many.gradients.get(name)!, gradient), name).toBeLessThan(1e-5);
  const [wanted, given] = [one.update.updates[0]!, many.update.updates[0]!];
  expect(given.tokens).toBe(wanted.tokens);
  for (const [key, value] of Object.entries(wanted.metrics))
    expect(given.metrics[key], key).toBeCloseTo(value, 4);
  expect(wanted.gradNorm).toBeGreaterThan(0);
});

test("each of them does something: the gradient is not that of the plain loss", async () => {
  const plain = await oneStep({}, drifted);
  for (const [what, values] of OPTIONS) {
    const { update } = await oneStep(values, drifted);
    expect(
      Math.abs(update.updates[0]!.gradNorm / plain.update.updates[0]!.gradNorm - 1),
      what,
    ).toBeGreaterThan(1e-3);
  }
  const { batches, update } = await oneStep(OPTIONS[0][1], drifted);
  const { metrics } = batches.treatment;
  const share = metrics["rollout_corr/rollout_rs_masked_fraction"]!;
  expect(share).toBeGreaterThan(0.05);
  expect(share).toBeLessThan(0.95);
  const all = [...batches.numbers.keys()].reduce((sum, { tokens }) => sum + tokens.length, 0);
  expect(update.updates[0]!.stats.tokens).toBe(Math.round(all * (1 - share)));
});

test("in bypass mode the sampler is the old policy and no pass is spent on it", async () => {
  const inputs = await tinyInputs({
    ...ONE_STEP,
    [`${CORRECTION}.bypass_mode`]: true,
    "actor_rollout_ref.actor.ppo_epochs": 2,
    "actor_rollout_ref.actor.optim.lr": 1e-2,
  });
  const { events, rows, keeping } = await train({ recorder, inputs });
  expect(events.some((event) => event.type === "progress" && event.phase === "oldLogProb")).toBe(false);
  expect(rows[0]!["rollout_corr/kl"], "the policy leaves the sampler in the second pass").not.toBe(0);
  expect(rows[0]!["training/rollout_probs_diff_max"], "before the first update they are one").toBeLessThan(
    1e-4,
  );
  expect(isFinite(rows[0]!)).toBe(true);
  expect((await tensorsAt(keeping, 1)).size).toBeGreaterThan(10);
});
