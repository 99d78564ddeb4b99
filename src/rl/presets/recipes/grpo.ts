// GRPO: rewards relative to the other responses of the group, no critic.

import type { Recipe } from "../recipe.ts";

/** Measured on the demo with three seeds, docs/demo.md. */
export const GRPO: Recipe = {
  id: "grpo",
  label: "GRPO",
  fullName: "Group Relative Policy Optimization",
  family: "clip",
  description:
    "Responses that did better than the others to the same problem become more likely. No critic; begin here.",
  source: "DeepSeekMath, arXiv:2402.03300; verl examples/grpo_trainer",
  original: {
    of: "verl's GRPO example on GSM8K, 8 GPUs, all weights of a 7B model",
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
  variants: [
    {
      id: "plain",
      label: "Without KL",
      description: "Nothing holds the policy near its start, as TRL's default (beta 0) and DAPO have it.",
    },
    {
      id: "kl",
      label: "With KL loss",
      description:
        "A KL loss of 0.001 pulls the policy towards its start, as in verl's example. One more forward pass.",
      values: {
        "actor_rollout_ref.actor.use_kl_loss": true,
        "actor_rollout_ref.actor.kl_loss_coef": 0.001,
        "actor_rollout_ref.actor.kl_loss_type": "low_var_kl",
      },
    },
  ],
};
