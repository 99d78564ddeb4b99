// GMPO on the demo model.

import { GRPO_DEMO } from "./grpo-demo.ts";
import type { Preset } from "./preset.ts";

/** The geometric mean of a response's ratios. */
export const GMPO_DEMO: Preset = {
  id: "gmpo-demo",
  label: "GMPO, demo",
  description:
    "Two updates a step; ratios are clipped in log space and averaged geometrically, which outliers move less.",
  source: "GMPO, arXiv:2507.20673; window as in the paper",
  suits: "demo",
  values: {
    ...GRPO_DEMO.values,
    "actor_rollout_ref.actor.policy_loss.loss_mode": "geo_mean",
    "actor_rollout_ref.actor.clip_ratio_low": 0.4,
    "actor_rollout_ref.actor.clip_ratio_high": 0.4,
    "actor_rollout_ref.actor.ppo_mini_batch_size": 8,
    "actor_rollout_ref.actor.optim.lr": 1.5e-4,
  },
};
