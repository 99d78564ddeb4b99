// Offline preference on the demo model.

import type { Preset } from "./preset.ts";

/** Learns from given pairs, of which the demo brings none; measured on its worked over its bare answers. */
export const DPO_DEMO: Preset = {
  id: "dpo-demo",
  label: "DPO, demo",
  description:
    "Learn from a file of preference pairs, all weights of the demo model, held near where they were.",
  source: "DPO, arXiv:2305.18290, beta as in TRL; learning rate measured on the demo",
  suits: "demo",
  values: {
    "gradus.mode": "dpo",
    "trainer.total_training_steps": 30,
    "data.train_batch_size": 16,
    "data.max_response_length": 48,
    "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 1024,
    "actor_rollout_ref.actor.optim.lr": 1e-4,
    "actor_rollout_ref.actor.optim.betas": [0.9, 0.99],
    "actor_rollout_ref.actor.optim.weight_decay": 0,
    "gradus.preference_beta": 0.1,
    "gradus.dpo_reference": true,
  },
};
