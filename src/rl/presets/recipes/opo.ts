// OPO: strictly on-policy, with the baseline that makes the gradient vary least.

import type { Recipe } from "../recipe.ts";

export const OPO: Recipe = {
  id: "opo",
  label: "OPO",
  fullName: "On-Policy RL with Optimal Reward Baseline",
  family: "reinforce",
  description:
    "One update a step, no KL, no entropy term; the baseline of a group weighs rewards by the length of the response.",
  source: "OPO, arXiv:2505.23585; verl docs/algo/opo.md",
  values: {
    "algorithm.adv_estimator": "opo",
    "actor_rollout_ref.actor.ppo_mini_batch_size": -1,
    "actor_rollout_ref.actor.use_kl_loss": false,
    "actor_rollout_ref.actor.entropy_coeff": 0,
  },
  original: { of: "verl's page on OPO", values: { "data.train_batch_size": 1024 } },
};
