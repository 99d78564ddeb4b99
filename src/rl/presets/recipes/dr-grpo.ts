// Dr. GRPO: GRPO without its two divisions, by the spread of a group and by the length of a response.

import type { Recipe } from "../recipe.ts";

export const DR_GRPO: Recipe = {
  id: "dr-grpo",
  label: "Dr. GRPO",
  fullName: "GRPO Done Right",
  family: "clip",
  description:
    "GRPO without division by a group's deviation or a response's length, which favour easy problems and long wrong responses.",
  source: "Understanding R1-Zero-Like Training, arXiv:2503.20783; verl docs/algo/grpo.md",
  values: {
    "algorithm.norm_adv_by_std_in_grpo": false,
    "actor_rollout_ref.actor.loss_agg_mode": "seq-mean-token-sum-norm",
    "actor_rollout_ref.actor.use_kl_loss": false,
  },
};
