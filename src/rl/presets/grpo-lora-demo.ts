// GRPO on the demo model, with an adapter.

import { GRPO_DEMO } from "./grpo-demo.ts";
import type { Preset } from "./preset.ts";

/** The demo run with an adapter of rank 8 in place of all weights. */
export const GRPO_LORA_DEMO: Preset = {
  id: "grpo-lora-demo",
  label: "GRPO with LoRA, demo",
  description:
    "Trains only an adapter of rank 8 on the demo model: a small download, and the base stays as it was.",
  source: "docs/demo.md",
  suits: "demo",
  values: {
    ...GRPO_DEMO.values,
    "actor_rollout_ref.model.lora_rank": 8,
    "actor_rollout_ref.model.lora_alpha": 16,
    "actor_rollout_ref.actor.optim.lr": 1e-3,
  },
};
