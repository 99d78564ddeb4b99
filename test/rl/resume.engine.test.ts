// A run that was stopped and continued is the run that was never stopped: every number but the clock's, to the bit.

import { describe, expect, test } from "vitest";

import { METRICS } from "../../src/rl/metrics.ts";
import { REWARDS } from "../../src/rl/rewards/index.ts";
import { REJECTION_OPTIONS } from "../../src/rl/rollout-correction.ts";
import type { Training } from "./tiny-run.ts";
import { tensorsAt, tinyInputs, tinyRecorder, train } from "./tiny-run.ts";

const recorder = await tinyRecorder();

/** LoRA with everything that a step can have: reference, entropy bonus, several updates, several micro-batches. */
const LORA = {
  "actor_rollout_ref.model.lora_rank": 4,
  "actor_rollout_ref.actor.use_kl_loss": true,
  "actor_rollout_ref.actor.kl_loss_coef": 0.05,
  "actor_rollout_ref.actor.entropy_coeff": 0.01,
  "actor_rollout_ref.actor.ppo_mini_batch_size": 1,
  "actor_rollout_ref.actor.ppo_epochs": 2,
  "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 64,
  "actor_rollout_ref.actor.optim.lr": 1e-2,
};

/** Groups without spread are left out, so that steps take different numbers of prompts. */
const SAMPLING = {
  "algorithm.filter_groups.enable": true,
  "data.gen_batch_size": 1,
  "actor_rollout_ref.rollout.n": 2,
  "reward.reward_kwargs.overlong_buffer_cfg.enable": true,
  "reward.reward_kwargs.overlong_buffer_cfg.len": 4,
};

/** The price moves with every step, and has to go on where it was. */
const KL_REWARD = {
  "algorithm.use_kl_in_reward": true,
  "algorithm.kl_penalty": "low_var_kl",
  "algorithm.kl_ctrl.type": "adaptive",
  "algorithm.kl_ctrl.kl_coef": 0.5,
  "algorithm.kl_ctrl.target_kl": 1e-3,
  "algorithm.kl_ctrl.horizon": 20,
  "algorithm.adv_estimator": "reinforce_plus_plus",
  "actor_rollout_ref.actor.optim.lr": 1e-2,
};

/** Several updates in each of two rounds, a reference, groups that micro-batches cut, and steps that take different numbers of prompts. */
const PREFERENCE = {
  ...SAMPLING,
  "gradus.mode": "preference",
  "gradus.self_play_rounds": 2,
  "gradus.preference_reference": true,
  "actor_rollout_ref.model.lora_rank": 4,
  "actor_rollout_ref.actor.ppo_mini_batch_size": 1,
  "actor_rollout_ref.actor.ppo_epochs": 2,
  "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 64,
  "actor_rollout_ref.actor.optim.lr": 1e-2,
};

/** Several updates a step on given pairs, cut by micro-batches, with what is told of noisy labels. */
const DPO = {
  "gradus.mode": "dpo",
  "gradus.label_smoothing": 0.1,
  "actor_rollout_ref.model.lora_rank": 4,
  "actor_rollout_ref.actor.ppo_mini_batch_size": 1,
  "actor_rollout_ref.actor.ppo_epochs": 2,
  "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 48,
  "actor_rollout_ref.actor.optim.lr": 1e-2,
};

/** All weights against a kept copy. */
const IPO = {
  "gradus.mode": "dpo",
  "gradus.preference_loss": "ipo",
  "gradus.preference_log_prob": "mean",
};

/** Rollout correction with every distance, TRL's options, and an entropy bonus that moves with every update. */
const DRIVER = {
  "algorithm.rollout_correction.rollout_is": "token",
  "algorithm.rollout_correction.rollout_is_threshold": "0.5_2.0",
  "algorithm.rollout_correction.rollout_is_batch_normalize": true,
  "algorithm.rollout_correction.rollout_rs": REJECTION_OPTIONS.join(","),
  "algorithm.rollout_correction.rollout_rs_threshold": "2.0",
  "gradus.importance_level": "sequence",
  "gradus.delta": 2,
  "gradus.top_entropy_quantile": 0.7,
  "gradus.mask_truncated_responses": true,
  "gradus.off_policy_mask_threshold": 0.01,
  "gradus.use_adaptive_entropy": true,
  "gradus.entropy_target": 1.2,
  "actor_rollout_ref.actor.loss_agg_mode": "dr_grpo",
  "actor_rollout_ref.actor.ppo_mini_batch_size": 1,
  "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 64,
  "actor_rollout_ref.actor.optim.lr": 1e-2,
};

/** Every reward there is, a function of the person's among them, each a kind of its own to the estimator. */
const REWARDED = {
  ...Object.fromEntries(REWARDS.map(({ id }, i) => [`gradus.reward_weight.${id}`, 1 / (i + 1)])),
  "gradus.reward_function": "function computeScore(dataSource, solution) { return solution.length % 3; }",
  "algorithm.adv_estimator": "gdpo",
  "actor_rollout_ref.actor.optim.lr": 1e-2,
};

/** A critic with an adapter, several updates of it, a step in which only it learns, and rewards token by token. */
const CRITIC_LORA = {
  ...LORA,
  ...KL_REWARD,
  "algorithm.adv_estimator": "gae",
  "algorithm.lam": 0.9,
  "trainer.critic_warmup": 2,
  "critic.optim.lr": 2e-2,
  "critic.optim.lr_warmup_steps": 2,
  "critic.ppo_epochs": 3,
};

const METHODS = [
  ["every reward at once, their kinds apart", REWARDED],
  [
    "full fine-tuning with KL to a kept copy",
    {
      "actor_rollout_ref.actor.use_kl_loss": true,
      "actor_rollout_ref.actor.kl_loss_coef": 0.05,
      "actor_rollout_ref.actor.optim.lr_warmup_steps": 2,
      "actor_rollout_ref.actor.optim.lr_scheduler_type": "cosine",
    },
  ],
  ["LoRA with KL, entropy, two mini-batches and two passes", LORA],
  ["dynamic sampling with a penalty for length", SAMPLING],
  ["KL in the reward with an adaptive price", KL_REWARD],
  [
    "one response a prompt, compared with the greedy one",
    { "algorithm.adv_estimator": "remax", "actor_rollout_ref.rollout.n": 1, "data.train_batch_size": 4 },
  ],
  ["rollout correction and all that stands around a loss", DRIVER],
  ["group preference in rounds, with a reference and dynamic sampling", PREFERENCE],
  ["offline preference (DPO) with LoRA, two mini-batches and two passes", DPO],
  ["offline preference (IPO) of all weights", IPO],
  ["PPO with a critic that has an adapter", CRITIC_LORA],
  ["PPO with a critic of its own weights", { "algorithm.adv_estimator": "gae", "critic.optim.lr": 1e-3 }],
  ["supervised fine-tuning", { "gradus.mode": "sft" }],
] as const;

/** Stops when the row of `step` is there. */
const stopAfter =
  (step: number): NonNullable<Training["hear"]> =>
  (event, { trainer }) => {
    if (event.type === "metrics" && event.row["training/global_step"] === step && step > 0) trainer.stop();
  };

describe.each(METHODS)("%s", (_, values) => {
  test("continued in the middle, it gives the rows and weights of a run that was never stopped", async () => {
    const inputs = await tinyInputs(values);
    const whole = await train({ recorder, inputs });
    expect(whole.outcome).toBe("finished");
    expect(whole.rows.map((row) => row["training/global_step"])).toEqual([0, 1, 2, 3, 4]);

    const first = await train({ recorder, inputs, hear: stopAfter(2) });
    expect(first.outcome).toBe("stopped");
    expect(await first.keeping.runs.load("run")).toMatchObject({ step: 2, totalSteps: 4 });
    const second = await train({ recorder, inputs, keeping: first.keeping, from: "newest" });
    expect(second.outcome).toBe("finished");
    expect(second.rows).toEqual(whole.rows);

    const [kept, reference] = [await tensorsAt(second.keeping, 4), await tensorsAt(whole.keeping, 4)];
    expect(kept.size).toBeGreaterThan(10);
    expect(kept).toEqual(reference);
    expect(kept).not.toEqual(await tensorsAt(whole.keeping, 2));
  });

  test("it repeats to the bit, learns something, and logs only numbers that are described", async () => {
    const inputs = await tinyInputs({ ...values, "trainer.total_training_steps": 2 });
    const [one, two] = [await train({ recorder, inputs }), await train({ recorder, inputs })];
    expect(two.rows).toEqual(one.rows);
    const { history } = one.run.trainer.progress;
    for (const row of history.slice(1)) {
      const { "critic/advantages/max": high, "critic/advantages/min": low } = row;
      // ReMax's are never above 0 where the greedy response is right, as it is here.
      if (high !== undefined) expect(Math.max(high, -low!), "advantages").toBeGreaterThan(0);
      const isCriticOnly = row["actor/lr"] === 0;
      expect(row[isCriticOnly ? "critic/grad_norm" : "actor/grad_norm"]).toBeGreaterThan(0);
      expect(row["actor/skipped_updates"]).toBe(0);
    }
    const known = new Set(METRICS.map(({ key }) => key));
    const logged = new Set(history.flatMap((row) => Object.keys(row)));
    expect([...logged].filter((key) => !known.has(key))).toEqual([]);
  });
});

test("between them, the methods log every number that is described", async () => {
  const logged = new Set<string>();
  for (const [, values] of [
    ...METHODS,
    ["group preference without a reference", { "gradus.mode": "preference" }],
  ] as const) {
    const inputs = await tinyInputs({
      ...values,
      "trainer.total_training_steps": 1,
      "trainer.critic_warmup": 0,
    });
    const { run } = await train({ recorder, inputs });
    run.trainer.progress.history.forEach((row) => Object.keys(row).forEach((key) => logged.add(key)));
  }
  expect(METRICS.map(({ key }) => key).filter((key) => !logged.has(key))).toEqual([]);
});
