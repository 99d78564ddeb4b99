// Whether a run has a critic, and how it learns.

import { ADVANTAGE_ESTIMATORS } from "../advantages/index.ts";
import { AS_POLICY } from "../config/critic-fields.ts";
import type { RunConfig } from "../config.ts";
import type { AggregationMode } from "../losses/aggregate.ts";
import { aggregationMode } from "../losses/aggregate.ts";
import { entryOf } from "./entry-of.ts";

type CriticKeys = Pick<RunConfig, "gradus.mode" | "algorithm.adv_estimator">;

/** Whether advantages need a critic's values. */
export const usesCritic = (config: CriticKeys): boolean =>
  config["gradus.mode"] === "rl" &&
  entryOf(ADVANTAGE_ESTIMATORS, config["algorithm.adv_estimator"]).needs.includes("values");

/** Steps at the start in which only the critic learns; 0 without one. The policy's first step is that of the setting, as in verl. */
export const criticOnlySteps = (config: RunConfig): number =>
  usesCritic(config) ? Math.max(0, config["trainer.critic_warmup"] - 1) : 0;

/** Whether the policy learns in step `step`, the first being 1. */
export const trainsPolicy = (config: RunConfig, step: number): boolean => step > criticOnlySteps(config);

export interface CriticSettings {
  /** How far from its old value a value may go. */
  readonly clip: number;
  readonly aggregation: AggregationMode;
  readonly epochs: number;
}

/** How the critic is trained. */
export function criticOf(config: RunConfig): CriticSettings {
  const own = config["critic.loss_agg_mode"];
  const epochs = config["critic.ppo_epochs"];
  return {
    clip: config["critic.cliprange_value"],
    aggregation: aggregationMode(own === AS_POLICY ? config["actor_rollout_ref.actor.loss_agg_mode"] : own),
    epochs: epochs > 0 ? epochs : config["actor_rollout_ref.actor.ppo_epochs"],
  };
}
