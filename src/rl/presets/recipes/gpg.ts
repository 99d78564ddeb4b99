// GPG: the plain policy gradient, without ratio, clip, KL or reference.

import type { Recipe } from "../recipe.ts";

export const GPG: Recipe = {
  id: "gpg",
  label: "GPG",
  fullName: "Group Policy Gradient",
  family: "reinforce",
  description:
    "Log-probability times advantage and nothing else: one update a step, advantages larger when few responses earn anything.",
  source: "GPG, arXiv:2504.02546; verl examples/gpg_trainer",
  values: {
    "actor_rollout_ref.actor.policy_loss.loss_mode": "gpg",
    "algorithm.adv_estimator": "gpg",
    "actor_rollout_ref.actor.use_kl_loss": false,
  },
  original: {
    of: "verl's GPG example, 8 GPUs, all weights of a 7B model",
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
