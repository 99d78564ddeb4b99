// GSPO: one ratio for a whole response, in a narrow window.

import { type Recipe, twoUpdates } from "../recipe.ts";

const LOW = "actor_rollout_ref.actor.clip_ratio_low";
const HIGH = "actor_rollout_ref.actor.clip_ratio_high";

export const GSPO: Recipe = {
  id: "gspo",
  label: "GSPO",
  fullName: "Group Sequence Policy Optimization",
  family: "weight",
  description:
    "Two updates a step; the ratio is that of a whole response, and its window is narrow, so many responses are clipped.",
  source: "GSPO, arXiv:2507.18071; window as in the paper and verl examples/gspo_trainer",
  values: {
    "actor_rollout_ref.actor.policy_loss.loss_mode": "gspo",
    "actor_rollout_ref.actor.loss_agg_mode": "seq-mean-token-mean",
  },
  sized: twoUpdates,
  original: {
    of: "verl's GSPO example on GSM8K, 8 GPUs, all weights of a 3B model",
    values: {
      "data.train_batch_size": 512,
      "actor_rollout_ref.actor.ppo_mini_batch_size": 128,
      "actor_rollout_ref.rollout.n": 16,
      "actor_rollout_ref.rollout.temperature": 1,
      "actor_rollout_ref.actor.optim.lr": 1e-6,
      "actor_rollout_ref.actor.optim.weight_decay": 0.1,
      "data.max_prompt_length": 2048,
      "data.max_response_length": 8192,
    },
  },
  variants: [
    {
      id: "standard",
      label: "3e-4 / 4e-4",
      description: "The paper's window.",
      values: { [LOW]: 3e-4, [HIGH]: 4e-4 },
    },
    {
      id: "wider",
      label: "Wider, 5e-4 / 6e-4",
      description: "Fewer responses are clipped. Take it when nearly all of them are.",
      values: { [LOW]: 5e-4, [HIGH]: 6e-4 },
    },
    {
      id: "dynamic",
      label: "Dynamic sampling",
      description:
        "The paper's window; groups whose responses all earned the same are replaced before the update.",
      source: "GSPO, arXiv:2507.18071, with the dynamic sampling of DAPO, arXiv:2503.14476",
      values: {
        [LOW]: 3e-4,
        [HIGH]: 4e-4,
        "algorithm.filter_groups.enable": true,
        "algorithm.filter_groups.metric": "seq_reward",
        "algorithm.filter_groups.max_num_gen_batches": 5,
      },
      corrections: [
        {
          says: "Groups are kept when their rewards vary.",
          fact: "So are groups of one response. Kept groups beyond the step's size are thrown away, and when the rounds run out verl stops with an error; Gradus pauses.",
        },
        {
          says: "Low and high are a dual clip.",
          fact: "They are the two ends of the window. The dual clip is clip_ratio_c, and GSPO does not read it.",
        },
        {
          says: "Watch actor/pg_clipfrac_upper and actor/seq_importance_ratio.",
          fact: "verl logs no such numbers, and its pg_clipfrac_lower is always 0 here. Watch actor/pg_clipfrac and train/num_gen_batches.",
        },
      ],
    },
  ],
  corrections: [
    {
      says: "GSPO is Guided Sampling Policy Optimization, or Group Self-Play Optimization.",
      fact: "It is Group Sequence Policy Optimization. The ratio of the whole response, its geometric mean over tokens, is the method.",
    },
    {
      says: "A window of 3e-4 lets the policy change by 0.03 % only, so steps are the smallest and learning is slow.",
      fact: "The mean over a response hardly leaves 1, so its window must be narrow. Leaving it stops the response's gradient and shrinks no step; the paper reports faster learning than GRPO.",
    },
    {
      says: "clip_ratio_c 10 belongs to it.",
      fact: "GSPO never reads it.",
    },
    {
      says: "Nothing about aggregation, or that seq-mean-token-mean is recommended.",
      fact: "It is part of the method: GSPO always adds up that way, whatever the setting says.",
    },
  ],
};
