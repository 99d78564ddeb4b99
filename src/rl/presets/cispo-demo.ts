// CISPO on the demo model.

import { GRPO_DEMO } from "./grpo-demo.ts";
import type { Preset } from "./preset.ts";

/** Clips the weight of a token, never its gradient. */
export const CISPO_DEMO: Preset = {
  id: "cispo-demo",
  label: "CISPO, demo",
  description:
    "Two updates a step; the probability ratio only weighs a token and is capped at 1.2, so that none loses its gradient.",
  source: "MiniMax-M1, arXiv:2506.13585; window as in verl's example; learning rate measured on the demo",
  suits: "demo",
  values: {
    ...GRPO_DEMO.values,
    "actor_rollout_ref.actor.policy_loss.loss_mode": "cispo",
    "actor_rollout_ref.actor.clip_ratio_low": 10,
    "actor_rollout_ref.actor.clip_ratio_high": 0.2,
    "actor_rollout_ref.actor.ppo_mini_batch_size": 8,
    "actor_rollout_ref.actor.optim.lr": 1.5e-4,
  },
};
