// ReMax: the baseline of a response is the reward of the greedy response to the same problem.

import { type Recipe, twoSmallUpdates } from "../recipe.ts";

export const REMAX: Recipe = {
  id: "remax",
  label: "ReMax",
  family: "reinforce",
  description:
    "A response is compared with the greedy one to the same problem, which is written besides; the reward pays for KL.",
  source: "ReMax, arXiv:2310.10505; verl examples/remax_trainer",
  values: {
    "algorithm.adv_estimator": "remax",
    "algorithm.use_kl_in_reward": true,
    "algorithm.kl_penalty": "kl",
    "algorithm.kl_ctrl.kl_coef": 0.001,
  },
  sized: twoSmallUpdates,
  original: {
    of: "verl's ReMax example on GSM8K, 8 GPUs, all weights of a 7B model",
    values: {
      "data.train_batch_size": 1024,
      "actor_rollout_ref.actor.ppo_mini_batch_size": 256,
      "actor_rollout_ref.rollout.n": 4,
      "actor_rollout_ref.rollout.temperature": 1,
      "actor_rollout_ref.actor.optim.lr": 1e-6,
      "data.max_prompt_length": 512,
      "data.max_response_length": 1024,
    },
  },
};
