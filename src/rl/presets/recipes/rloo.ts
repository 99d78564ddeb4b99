// RLOO: every response has the mean reward of the others as its baseline.

import { type Recipe, twoSmallUpdates } from "../recipe.ts";

export const RLOO: Recipe = {
  id: "rloo",
  label: "RLOO",
  fullName: "REINFORCE Leave-One-Out",
  family: "reinforce",
  description:
    "The baseline of a response is the mean reward of the others of its group; the reward pays for KL token by token.",
  source: "Back to Basics, arXiv:2402.14740; verl examples/rloo_trainer",
  values: {
    "algorithm.adv_estimator": "rloo",
    "algorithm.use_kl_in_reward": true,
    "algorithm.kl_penalty": "kl",
    "algorithm.kl_ctrl.kl_coef": 0.001,
  },
  sized: twoSmallUpdates,
  original: {
    of: "verl's RLOO example on GSM8K, 8 GPUs, all weights of a 7B model",
    values: {
      "data.train_batch_size": 1024,
      "actor_rollout_ref.actor.ppo_mini_batch_size": 256,
      "actor_rollout_ref.rollout.n": 5,
      "actor_rollout_ref.rollout.temperature": 1,
      "actor_rollout_ref.actor.optim.lr": 1e-6,
      "data.max_prompt_length": 512,
      "data.max_response_length": 1024,
    },
  },
};
