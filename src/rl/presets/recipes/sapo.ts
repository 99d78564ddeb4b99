// SAPO: a smooth gate in place of the clip.

import { criticBeside, type Recipe, twoSmallUpdates } from "../recipe.ts";

const POS = "actor_rollout_ref.actor.tau_pos";
const NEG = "actor_rollout_ref.actor.tau_neg";

export const SAPO: Recipe = {
  id: "sapo",
  label: "SAPO",
  fullName: "Soft Adaptive Policy Optimization",
  family: "gate",
  description:
    "Two updates a step; tokens fade out smoothly as their ratio leaves 1, a little faster where they are to become rarer.",
  source: "SAPO, arXiv:2511.20347; further pairs of tau from a common guide to it",
  values: {
    "actor_rollout_ref.actor.policy_loss.loss_mode": "sapo",
    "actor_rollout_ref.actor.loss_agg_mode": "seq-mean-token-mean",
  },
  sized: twoSmallUpdates,
  original: {
    of: "a common guide's examples, 8 GPUs, models of 7B and 30B",
    values: {
      "data.train_batch_size": 256,
      "actor_rollout_ref.actor.optim.lr": 1e-6,
      "data.max_prompt_length": 2048,
      "data.max_response_length": 8192,
    },
  },
  variants: [
    {
      id: "standard",
      label: "tau 1 / 1.05",
      description: "The paper's pair. A token whose ratio has doubled keeps 0.79 of its weight.",
      values: { [POS]: 1, [NEG]: 1.05 },
    },
    {
      id: "late",
      label: "Fades late, 0.5 / 0.6",
      description:
        "Smaller tau holds back less: a token whose ratio has doubled keeps 0.94 of its weight. Not for an unstable run.",
      values: { [POS]: 0.5, [NEG]: 0.6 },
    },
    {
      id: "soon",
      label: "Fades soon, 1.5 / 1.8",
      description:
        "Larger tau holds back more, nearer to a clip: a token whose ratio has doubled keeps 0.60 of its weight. For an unstable run.",
      values: { [POS]: 1.5, [NEG]: 1.8 },
    },
    {
      id: "critic",
      label: "With a critic (GAE)",
      description: "The paper's pair on advantages token by token, from a critic in place of the group.",
      values: { [POS]: 1, [NEG]: 1.05, "algorithm.adv_estimator": "gae", "critic.ppo_epochs": 2 },
      sized: criticBeside,
    },
  ],
  corrections: [
    {
      says: "tau 0.5 / 0.6 is more conservative, 1.5 / 1.8 more aggressive; lower tau when training is unstable.",
      fact: "It is the other way round. Larger tau fades sooner: at a ratio of 2 a token keeps 0.94 of its weight with tau 0.5, 0.79 with 1, 0.60 with 1.5, 0.49 with 1.8. Raise tau when training is unstable.",
    },
    {
      says: "SAPO is Self-Adaptive Policy Optimization.",
      fact: "It is Soft Adaptive Policy Optimization; the arXiv number is right.",
    },
    {
      says: "The loss is the smaller of the plain and the smoothed surrogate.",
      fact: "There is no min: the smoothed one alone. With the min a good response would run free up to a ratio of about 3.8. That form is the loss sapo_min.",
    },
    {
      says: "tau_neg is 1.05 times tau_pos.",
      fact: "Only that it is larger has a reason: bad tokens should fade sooner. The guide's own pairs have a ratio of 1.2.",
    },
    {
      says: "A critic has critic.policy_loss, and long responses data.enable_overlong_buffer.",
      fact: "A critic has no policy loss, and the penalty's settings are reward.reward_kwargs.overlong_buffer_cfg.",
    },
  ],
};
