// How a step is cut into updates.

import type { RunConfig } from "../config.ts";

/** Prompts of one update. */
export function miniBatchSize(config: RunConfig): number {
  const size = config["actor_rollout_ref.actor.ppo_mini_batch_size"];
  return size > 0 ? size : config["data.train_batch_size"];
}

/** Updates of one step, or of one round of it. */
export const updatesPerStep = (config: RunConfig): number =>
  config["gradus.mode"] === "sft"
    ? 1
    : (config["actor_rollout_ref.actor.ppo_epochs"] * config["data.train_batch_size"]) /
      miniBatchSize(config);
