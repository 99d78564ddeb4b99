// GSPO on the demo model.

import { GRPO_DEMO } from "./grpo-demo.ts";
import type { Preset } from "./preset.ts";

/** Ratios of whole responses, in a narrow window. */
export const GSPO_DEMO: Preset = {
  id: "gspo-demo",
  label: "GSPO, demo",
  description:
    "Two updates a step; the ratio is that of a whole response, and its window is narrow, so many responses are clipped.",
  source: "GSPO, arXiv:2507.18071; window as in the paper and verl's example",
  suits: "demo",
  values: {
    ...GRPO_DEMO.values,
    "actor_rollout_ref.actor.policy_loss.loss_mode": "gspo",
    "actor_rollout_ref.actor.clip_ratio_low": 3e-4,
    "actor_rollout_ref.actor.clip_ratio_high": 4e-4,
    "actor_rollout_ref.actor.loss_agg_mode": "seq-mean-token-mean",
    "actor_rollout_ref.actor.ppo_mini_batch_size": 8,
  },
};
