// Supervised fine-tuning of the demo model.

import type { Preset } from "./preset.ts";

/** Imitates worked answers: what reinforcement learning is compared with. */
export const SFT_DEMO: Preset = {
  id: "sft-demo",
  label: "Supervised, demo",
  description: "Imitate the worked answers instead of finding them by reward.",
  source: "docs/demo.md",
  suits: "demo",
  values: {
    "gradus.mode": "sft",
    "trainer.total_training_steps": 60,
    "data.train_batch_size": 32,
    "actor_rollout_ref.actor.optim.lr": 3e-4,
    "actor_rollout_ref.actor.optim.betas": [0.9, 0.98],
    "actor_rollout_ref.actor.optim.weight_decay": 0.01,
    "actor_rollout_ref.actor.optim.lr_warmup_steps": 5,
    "actor_rollout_ref.actor.optim.lr_scheduler_type": "cosine",
    "actor_rollout_ref.actor.optim.min_lr_ratio": 0.1,
  },
};
