// DAPO: clip higher, dynamic sampling, token mean, penalty for length.

import { type Recipe, twoSmallUpdates } from "../recipe.ts";

export const DAPO: Recipe = {
  id: "dapo",
  label: "DAPO",
  fullName: "Decoupled Clip and Dynamic sAmpling Policy Optimization",
  family: "clip",
  description:
    "Two updates a step, a higher upper clip, groups without spread replaced, and a penalty near the longest response.",
  source: "DAPO, arXiv:2503.14476; verl recipe/dapo",
  values: {
    "actor_rollout_ref.actor.clip_ratio_low": 0.2,
    "actor_rollout_ref.actor.clip_ratio_high": 0.28,
    "actor_rollout_ref.actor.clip_ratio_c": 10,
    "actor_rollout_ref.actor.loss_agg_mode": "token-mean",
    "algorithm.filter_groups.enable": true,
    "algorithm.filter_groups.metric": "acc",
    "algorithm.filter_groups.max_num_gen_batches": 10,
    "reward.reward_kwargs.overlong_buffer_cfg.enable": true,
    "reward.reward_kwargs.overlong_buffer_cfg.penalty_factor": 1,
  },
  sized: (sizes) => ({
    ...twoSmallUpdates(sizes),
    "reward.reward_kwargs.overlong_buffer_cfg.len": Math.ceil(sizes["data.max_response_length"] / 4),
  }),
  original: {
    of: "verl's DAPO recipe, 128 GPUs, a 32B model",
    values: {
      "data.train_batch_size": 512,
      "data.gen_batch_size": 1536,
      "actor_rollout_ref.actor.ppo_mini_batch_size": 32,
      "actor_rollout_ref.rollout.n": 16,
      "actor_rollout_ref.rollout.temperature": 1,
      "actor_rollout_ref.actor.optim.lr": 1e-6,
      "actor_rollout_ref.actor.optim.lr_warmup_steps": 10,
      "actor_rollout_ref.actor.optim.weight_decay": 0.1,
      "data.max_prompt_length": 2048,
      "data.max_response_length": 20480,
      "reward.reward_kwargs.overlong_buffer_cfg.len": 4096,
    },
  },
};
