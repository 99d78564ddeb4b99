// DAPO on the demo model.

import { GRPO_DEMO } from "./grpo-demo.ts";
import type { Preset } from "./preset.ts";

/** Clip higher, dynamic sampling, token mean, penalty for length. */
export const DAPO_DEMO: Preset = {
  id: "dapo-demo",
  label: "DAPO, demo",
  description:
    "Two updates a step, a higher upper clip, groups without spread replaced, and a penalty near the longest response.",
  source: "DAPO, arXiv:2503.14476; learning rate and buffer for the demo are ours",
  suits: "demo",
  values: {
    ...GRPO_DEMO.values,
    "actor_rollout_ref.actor.clip_ratio_low": 0.2,
    "actor_rollout_ref.actor.clip_ratio_high": 0.28,
    "actor_rollout_ref.actor.clip_ratio_c": 10,
    "actor_rollout_ref.actor.ppo_mini_batch_size": 8,
    "actor_rollout_ref.actor.optim.lr": 1.5e-4,
    "algorithm.filter_groups.enable": true,
    "algorithm.filter_groups.metric": "acc",
    "reward.reward_kwargs.overlong_buffer_cfg.enable": true,
    "reward.reward_kwargs.overlong_buffer_cfg.len": 8,
    "reward.reward_kwargs.overlong_buffer_cfg.penalty_factor": 1,
  },
};
