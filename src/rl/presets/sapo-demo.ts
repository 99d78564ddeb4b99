// SAPO on the demo model.

import { GRPO_DEMO } from "./grpo-demo.ts";
import type { Preset } from "./preset.ts";

/** A smooth gate in place of the clip. */
export const SAPO_DEMO: Preset = {
  id: "sapo-demo",
  label: "SAPO, demo",
  description:
    "Two updates a step; tokens fade out smoothly as their ratio leaves 1, a little faster where they are to become rarer.",
  source: "SAPO, arXiv:2511.20347; learning rate measured on the demo",
  suits: "demo",
  values: {
    ...GRPO_DEMO.values,
    "actor_rollout_ref.actor.policy_loss.loss_mode": "sapo",
    "actor_rollout_ref.actor.tau_pos": 1,
    "actor_rollout_ref.actor.tau_neg": 1.05,
    "actor_rollout_ref.actor.loss_agg_mode": "seq-mean-token-mean",
    "actor_rollout_ref.actor.ppo_mini_batch_size": 8,
    "actor_rollout_ref.actor.optim.lr": 1.5e-4,
  },
};
