// GMPO: the geometric mean of a response's ratios.

import { type Recipe, twoSmallUpdates } from "../recipe.ts";

export const GMPO: Recipe = {
  id: "gmpo",
  label: "GMPO",
  fullName: "Geometric-Mean Policy Optimization",
  family: "weight",
  description:
    "Two updates a step; ratios are clipped in log space and averaged geometrically, which outliers move less.",
  source: "GMPO, arXiv:2507.20673; window as in the paper and verl examples/gmpo_trainer",
  values: {
    "actor_rollout_ref.actor.policy_loss.loss_mode": "geo_mean",
    "actor_rollout_ref.actor.clip_ratio_low": 0.4,
    "actor_rollout_ref.actor.clip_ratio_high": 0.4,
  },
  sized: twoSmallUpdates,
  original: {
    of: "verl's GMPO example, 8 GPUs, all weights of a 7B model",
    values: {
      "data.train_batch_size": 1024,
      "actor_rollout_ref.actor.ppo_mini_batch_size": 256,
      "actor_rollout_ref.rollout.n": 5,
      "actor_rollout_ref.rollout.temperature": 1,
      "actor_rollout_ref.actor.optim.lr": 1e-6,
      "data.max_prompt_length": 1024,
      "data.max_response_length": 1024,
    },
  },
};
