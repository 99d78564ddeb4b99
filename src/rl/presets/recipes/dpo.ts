// DPO: given pairs of better and worse responses, no sampling and no reward.

import type { Recipe } from "../recipe.ts";

/** Learns from given pairs, of which the demo brings none; measured on its worked over its bare answers, docs/demo.md. */
export const DPO: Recipe = {
  id: "dpo",
  label: "DPO",
  fullName: "Direct Preference Optimization",
  family: "preference",
  description:
    "Learn from a file of preference pairs: the chosen response is raised over the rejected one, held near where the model was.",
  source: "DPO, arXiv:2305.18290; beta as in TRL",
  values: {
    "gradus.mode": "dpo",
    "gradus.preference_beta": 0.1,
    "gradus.dpo_reference": true,
  },
  original: {
    of: "TRL's DPO example with LoRA",
    values: {
      "data.train_batch_size": 16,
      "actor_rollout_ref.actor.optim.lr": 5e-6,
      "actor_rollout_ref.model.lora_rank": 32,
      "actor_rollout_ref.model.lora_alpha": 16,
    },
  },
};
