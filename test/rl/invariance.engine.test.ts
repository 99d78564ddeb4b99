// A step is what its formula says, however it is laid out on the device: cut into one micro-batch or many, and against the
// gradient of the reference loss, response by response, for a step of two updates whose second has ratios other than 1.

import { expect, test } from "vitest";

import { packGroups } from "../../src/model/packing.ts";
import type { Policy } from "../../src/model/policy.ts";
import { trained } from "../../src/node/verify/run.ts";
import { optimizerStep } from "../../src/optim/optimizer.ts";
import { StepControl } from "../../src/rl/control.ts";
import { objectiveReference } from "../../src/rl/losses/reference.ts";
import { adamwOptions, objectiveOf } from "../../src/rl/options/index.ts";
import { prepareBatches } from "../../src/rl/batches.ts";
import { sampleStep } from "../../src/rl/sample.ts";
import type { Run } from "../../src/rl/run.ts";
import { createRun } from "../../src/rl/run.ts";
import type { JudgedRollout } from "../../src/rl/score.ts";
import { advantagesFor, rolloutsOf } from "../../src/rl/score.ts";
import { sftStep } from "../../src/rl/sft.ts";
import { updatePolicy } from "../../src/rl/update.ts";
import { relativeL2 } from "../harness.ts";
import { tinyInputs, tinyRecorder, train } from "./tiny-run.ts";

const recorder = await tinyRecorder();

const BUDGET = "actor_rollout_ref.actor.ppo_max_token_len_per_gpu";

/** Metrics that rounding decides: KL and advantages near 0. Sums of f32 in another order differ by about 1e-6 of them. */
const CLOSE = { rtol: 1e-4, atol: 1e-5 };

test.each([
  ["full fine-tuning", {}],
  ["LoRA", { "actor_rollout_ref.model.lora_rank": 4, "actor_rollout_ref.actor.use_kl_loss": true }],
  [
    "LoRA with a critic",
    {
      "actor_rollout_ref.model.lora_rank": 4,
      "algorithm.adv_estimator": "gae",
      "algorithm.lam": 0.95,
      "critic.optim.lr": 1e-2,
    },
  ],
])(
  "%s: many micro-batches, few rows and few slots are one large batch, but for rounding",
  async (_, values) => {
    const common = {
      ...values,
      "trainer.total_training_steps": 1,
      "data.train_batch_size": 4,
      "actor_rollout_ref.actor.ppo_mini_batch_size": 2,
      "actor_rollout_ref.rollout.n": 8,
    };
    const large = await tinyInputs({ ...common, [BUDGET]: 1024 });
    const small = await tinyInputs({
      ...common,
      [BUDGET]: 48, // Half of a group.
      "actor_rollout_ref.rollout.max_num_seqs": 3,
      "gradus.prompt_slots": 1,
    });
    const [one, many] = [await train({ recorder, inputs: large }), await train({ recorder, inputs: small })];
    const updates = (told: typeof one): number =>
      Math.max(
        ...told.events.map((event) =>
          event.type === "progress" && event.phase === "update" ? event.total : 0,
        ),
      );
    expect([updates(one), updates(many)]).toEqual([2, 8]);
    for (const [i, row] of one.rows.entries())
      for (const [key, value] of Object.entries(row))
        expect(Math.abs(many.rows[i]![key]! - value), key).toBeLessThan(
          CLOSE.atol + CLOSE.rtol * Math.abs(value),
        );
    const load = async ({ keeping }: typeof one) => (await keeping.checkpoints.load("run", 1)).tensors;
    const reference = await load(one);
    for (const [name, tensor] of await load(many))
      // AdamW turns the sign of a gradient that rounding decides into a whole step; such elements are few.
      expect(relativeL2(tensor, reference.get(name)!), name).toBeLessThan(
        name.startsWith("value/") ? 1e-2 : 1e-3,
      );
  },
);

/** A step of two updates with every term, on an adapter or on all weights. */
const TWO_UPDATES = {
  "data.train_batch_size": 4,
  "actor_rollout_ref.actor.ppo_mini_batch_size": 2,
  "actor_rollout_ref.actor.ppo_epochs": 2,
  "actor_rollout_ref.actor.use_kl_loss": true,
  "actor_rollout_ref.actor.kl_loss_coef": 0.1,
  "actor_rollout_ref.actor.entropy_coeff": 0.02,
  "actor_rollout_ref.actor.optim.lr": 2e-2,
  "actor_rollout_ref.rollout.temperature": 0.8,
};

test.each([
  ["all weights", {}, "token-mean"],
  ["an adapter", { "actor_rollout_ref.model.lora_rank": 4 }, "seq-mean-token-mean"],
] as const)("the updates of a step are those of the reference loss, with %s", async (_, values, mode) => {
  const inputs = await tinyInputs({
    ...TWO_UPDATES,
    ...values,
    "actor_rollout_ref.actor.loss_agg_mode": mode,
  });
  const { model, problems, config } = inputs;
  const control = new StepControl(1, () => {});
  const run = await createRun(recorder, model, problems, config);
  await leaveReference(run);
  const { groups } = await sampleStep(run, 0, control);
  const judged = rolloutsOf(groups.map(({ responses }) => responses));
  const items = groups.map(({ prompt }) => prompt.item);
  const batches = await prepareBatches(run, items, judged, control);
  const advantages = advantagesFor(run, judged);
  const rollouts = judged.map((rollout) => ({ ...rollout, advantage: advantages.get(rollout)! }));
  checkAdvantages(rollouts);
  const { updates } = await updatePolicy(run, batches, advantages, { optimizerSteps: 3 }, control);
  const weights = await trained(run.policy, "value");
  run.destroy();

  const other = await createRun(recorder, model, problems, config);
  await leaveReference(other);
  const expected = await updatesByReference(
    other,
    items.map(({ tokens }) => tokens),
    rollouts,
    mode,
  );
  expect(updates.length).toBe(4);
  for (const [i, { stats, gradNorm }] of updates.entries()) {
    const { pgLoss, klLoss, norm } = expected[i]!;
    expect(stats.ratioDeviation).toBeGreaterThanOrEqual(i === 0 ? 0 : 0.01);
    // Each of the four updates starts from weights that differ by rounding.
    expect(Math.abs(gradNorm / norm - 1), `gradient norm of update ${i + 1}`).toBeLessThan(1e-3);
    expect(Math.abs(stats.pgLoss - pgLoss), `loss of update ${i + 1}`).toBeLessThan(1e-4);
    expect(Math.abs(stats.klLoss - klLoss), `KL of update ${i + 1}`).toBeLessThan(1e-4);
  }
  expect(updates[0]!.stats.klLoss, "the policy has left the reference").toBeGreaterThan(1e-3);
  const last = updates[3]!.stats;
  expect(last.clippedLow + last.clippedHigh + last.ratioDeviation, "the clip matters").toBeGreaterThan(1);
  for (const [name, value] of await trained(other.policy, "value"))
    expect(relativeL2(weights.get(name)!, value), name).toBeLessThan(1e-2);
  other.destroy();
});

/** A few supervised updates, so that the step does not begin at the reference policy. */
async function leaveReference({ policy, train: [first], config }: Run): Promise<void> {
  const examples = [{ prompt: first!.tokens, response: [270, 32, 51, 427] }];
  const lr = config["actor_rollout_ref.model.lora_rank"] > 0 ? 0.02 : 0.003;
  const adamw = { ...adamwOptions(config, 1), lr };
  for (const step of [1, 2, 3]) await sftStep(policy, examples, { step, adamw, temperature: 1 });
}

type ScoredRollout = JudgedRollout & { readonly advantage: Float64Array };

/** Advantages are those of GRPO's formula, and some differ from 0 in each half of the step, or nothing is tested. */
function checkAdvantages(rollouts: readonly ScoredRollout[]): void {
  for (const group of [0, 1, 2, 3]) {
    const members = rollouts.filter((rollout) => rollout.group === group);
    const rewards = members.map(({ reward }) => reward.score);
    const mean = rewards.reduce((a, b) => a + b, 0) / rewards.length;
    const std = Math.sqrt(rewards.reduce((a, b) => a + (b - mean) ** 2, 0) / (rewards.length - 1));
    members.forEach(({ advantage, tokens }, i) => {
      expect(advantage.length).toBe(tokens.length);
      for (const value of advantage) expect(value).toBeCloseTo((rewards[i]! - mean) / (std + 1e-6), 10);
    });
  }
  for (const half of [0, 1]) {
    const ofHalf = rollouts.filter(({ group }) => group >> 1 === half);
    expect(ofHalf.some(({ advantage }) => advantage[0] !== 0)).toBe(true);
  }
}

/** Log-probabilities and entropies of one response alone. */
async function forward(
  policy: Policy,
  prompt: readonly number[],
  tokens: readonly number[],
  useAdapter: boolean,
) {
  const [batch] = packGroups([{ prompt, responses: [tokens] }], policy.options.tokenBudget);
  policy.forward(batch!, { temperature: TWO_UPDATES["actor_rollout_ref.rollout.temperature"], useAdapter });
  const { head } = policy.memory;
  return {
    logProb: await policy.recorder.readF32(head.logProb, tokens.length),
    entropy: await policy.recorder.readF32(head.entropy, tokens.length),
  };
}

/** The same updates, response by response, with the loss in double precision and weights written out. */
async function updatesByReference(
  { policy, config }: Run,
  prompts: readonly (readonly number[])[],
  rollouts: readonly ScoredRollout[],
  mode: "token-mean" | "seq-mean-token-mean",
) {
  const before = new Map<ScoredRollout, { old: Float32Array; reference: Float32Array }>();
  for (const rollout of rollouts) {
    const at = [prompts[rollout.group]!, rollout.tokens] as const;
    const [old, reference] = [await forward(policy, ...at, true), await forward(policy, ...at, false)];
    before.set(rollout, { old: old.logProb, reference: reference.logProb });
  }
  const results = [];
  for (const half of [0, 1, 0, 1]) {
    const members = rollouts.filter(({ group }) => group >> 1 === half);
    const count = members.reduce((sum, { tokens }) => sum + tokens.length, 0);
    policy.clearGradients();
    let [pgLoss, klLoss] = [0, 0];
    for (const rollout of members) {
      const { tokens, advantage } = rollout;
      const weight = mode === "token-mean" ? 1 / count : 1 / (tokens.length * members.length);
      const { old, reference } = before.get(rollout)!;
      const numbers = await forward(policy, prompts[rollout.group]!, tokens, true);
      const batch = {
        oldLogProb: old,
        advantage,
        weight: tokens.map(() => weight),
        sequenceStarts: [0, tokens.length],
      };
      const value = objectiveReference({ ...numbers, refLogProb: reference }, batch, objectiveOf(config));
      policy.setTargetGradients(Float32Array.from(value.dLogProb), Float32Array.from(value.dEntropy));
      policy.backward();
      pgLoss += value.stats.pgLoss;
      klLoss += value.stats.klLoss;
    }
    const gradients = await trained(policy, "grad");
    const norm = Math.hypot(...[...gradients.values()].map((values) => Math.hypot(...values)));
    optimizerStep(policy.recorder, policy.memory, results.length + 4, adamwOptions(config, 1));
    results.push({ pgLoss, klLoss, norm });
  }
  return results;
}

test("what a step logs of its responses is said by the policy that wrote them, however many updates follow", async () => {
  const rowWith = async (miniBatch: number) => {
    const inputs = await tinyInputs({
      "trainer.total_training_steps": 1,
      "trainer.val_before_train": false,
      "data.train_batch_size": 4,
      "actor_rollout_ref.actor.ppo_mini_batch_size": miniBatch,
      "actor_rollout_ref.actor.optim.lr": 3e-2,
    });
    return (await train({ recorder, inputs })).rows[0]!;
  };
  const [one, four] = [await rowWith(4), await rowWith(1)];
  expect(four["critic/score/mean"]).toBe(one["critic/score/mean"]);
  expect(Math.abs(four["actor/ppo_kl"]!), "updates move the policy").toBeGreaterThan(1e-3);
  // Decoding and training add up in another order.
  for (const row of [one, four]) expect(row["training/rollout_probs_diff_max"]).toBeLessThan(1e-4);
  expect(four["actor/entropy"]).toBeCloseTo(one["actor/entropy"]!, 4);
});
