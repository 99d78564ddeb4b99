// REINFORCE++: rewards brought to mean 0 and spread 1 over the whole batch instead of within groups.

import type { Recipe } from "../recipe.ts";

const KL_LOSS = {
  "actor_rollout_ref.actor.use_kl_loss": true,
  "actor_rollout_ref.actor.kl_loss_coef": 0.001,
  "actor_rollout_ref.actor.kl_loss_type": "mse",
} as const;

export const REINFORCE_PLUS_PLUS: Recipe = {
  id: "reinforce-plus-plus",
  label: "REINFORCE++",
  family: "reinforce",
  description:
    "Rewards are compared over the whole step instead of within a group, so that one response per problem would do.",
  source: "REINFORCE++, arXiv:2501.03262; verl examples/reinforce_plus_plus_trainer",
  values: { "algorithm.adv_estimator": "reinforce_plus_plus" },
  original: {
    of: "verl's REINFORCE++ example, 16 GPUs, all weights of a 7B model",
    values: {
      "data.train_batch_size": 1024,
      "actor_rollout_ref.rollout.n": 8,
      "actor_rollout_ref.rollout.temperature": 1,
      "actor_rollout_ref.actor.optim.lr": 3e-6,
      "data.max_prompt_length": 1024,
      "data.max_response_length": 1024,
    },
  },
  variants: [
    {
      id: "plain",
      label: "KL loss",
      description: "KL as a loss (k2), as in verl's example.",
      values: KL_LOSS,
    },
    {
      id: "baseline",
      label: "With baseline",
      description: "The mean of the group is taken off first. KL as a loss (k2), as in verl's example.",
      values: { ...KL_LOSS, "algorithm.adv_estimator": "reinforce_plus_plus_baseline" },
    },
    {
      id: "kl-reward",
      label: "KL in the reward",
      description: "Every token pays for its KL, as in the paper's first version.",
      values: {
        "algorithm.use_kl_in_reward": true,
        "algorithm.kl_penalty": "kl",
        "algorithm.kl_ctrl.kl_coef": 0.001,
      },
    },
  ],
};
