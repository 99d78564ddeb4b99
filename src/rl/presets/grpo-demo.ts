// GRPO on the demo model, all weights.

import type { Preset } from "./preset.ts";

/** Learns within 60 steps on the demo model; measured with three seeds, docs/demo.md. */
export const GRPO_DEMO: Preset = {
  id: "grpo-demo",
  label: "GRPO, demo",
  description: "All weights of the demo model, 60 steps: it finds that showing its working pays.",
  source: "docs/demo.md",
  suits: "demo",
  values: {
    "trainer.total_training_steps": 60,
    "data.train_batch_size": 16,
    "data.max_response_length": 32,
    "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": 1024,
    "actor_rollout_ref.rollout.n": 8,
    "actor_rollout_ref.rollout.temperature": 0.7,
    "actor_rollout_ref.actor.optim.lr": 3e-4,
    "actor_rollout_ref.actor.optim.betas": [0.9, 0.99],
    "actor_rollout_ref.actor.optim.weight_decay": 0,
    "gradus.advantage_epsilon": 1e-4,
  },
};
