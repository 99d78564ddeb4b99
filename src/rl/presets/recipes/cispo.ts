// CISPO: clips the weight of a token, never its gradient.

import { type Recipe, twoSmallUpdates } from "../recipe.ts";

const LOW = "actor_rollout_ref.actor.clip_ratio_low";
const HIGH = "actor_rollout_ref.actor.clip_ratio_high";

export const CISPO: Recipe = {
  id: "cispo",
  label: "CISPO",
  fullName: "Clipped IS-weight Policy Optimization",
  family: "weight",
  description:
    "Two updates a step; the probability ratio only weighs a token and is capped, so that none loses its gradient.",
  source: "MiniMax-M1, arXiv:2506.13585; windows as in verl's example and a common guide to it",
  values: { "actor_rollout_ref.actor.policy_loss.loss_mode": "cispo" },
  sized: twoSmallUpdates,
  original: {
    of: "verl's CISPO example on GSM8K, all weights of a 0.5B model",
    values: {
      "data.train_batch_size": 256,
      "actor_rollout_ref.actor.ppo_mini_batch_size": 128,
      "actor_rollout_ref.rollout.n": 5,
      "actor_rollout_ref.rollout.temperature": 1,
      "actor_rollout_ref.actor.optim.lr": 1e-6,
      "data.max_prompt_length": 1024,
      "data.max_response_length": 1024,
    },
  },
  variants: [
    {
      id: "standard",
      label: "10 / 0.2",
      description: "No lower bound, weights up to 1.2: the usual window.",
      values: { [LOW]: 10, [HIGH]: 0.2 },
    },
    {
      id: "kl",
      label: "10 / 0.2 with KL loss",
      description: "The usual window, and a KL loss of 0.001, as verl's example has it.",
      values: {
        [LOW]: 10,
        [HIGH]: 0.2,
        "actor_rollout_ref.actor.use_kl_loss": true,
        "actor_rollout_ref.actor.kl_loss_coef": 0.001,
        "actor_rollout_ref.actor.kl_loss_type": "low_var_kl",
      },
    },
    {
      id: "conservative",
      label: "Conservative 5 / 0.2",
      description: "No lower bound, weights up to 1.2: it trains exactly as 10 / 0.2 does.",
      values: { [LOW]: 5, [HIGH]: 0.2 },
    },
    {
      id: "aggressive",
      label: "Aggressive 20 / 0.1",
      description: "No lower bound, weights up to 1.1: in truth the more careful window.",
      values: { [LOW]: 20, [HIGH]: 0.1 },
    },
  ],
  corrections: [
    {
      says: "CISPO is Constrained Iterative Self-Play Optimization.",
      fact: "It is Clipped IS-weight Policy Optimization: the importance-sampling weight is clipped. Nothing is constrained, iterative or self-play.",
    },
    {
      says: "Clip low 10 lets good responses improve freely, clip high 0.2 keeps bad ones from declining.",
      fact: "There is one window for both signs. Clip low of 1 or more switches the lower bound off, and clip high caps the weight of good and bad tokens alike, at 1.2.",
    },
    {
      says: "5 / 0.2 is more conservative, 20 / 0.1 more aggressive.",
      fact: "A ratio is never below 0, so clip low 5, 10 and 20 are the same. Only clip high differs: 0.1 caps weights at 1.1, which is more careful.",
    },
    {
      says: "The loss is the clipped ratio times the advantage.",
      fact: "The clipped ratio is a constant weight on the log-probability. As a plain product a clipped token would have no gradient, which is what CISPO avoids.",
    },
    {
      says: "It is for small models of 0.5 to 3 B parameters, and 2 to 3 % better than GRPO.",
      fact: "It was introduced on a model of 456 B parameters, and the guide's tables have no source.",
    },
  ],
};
