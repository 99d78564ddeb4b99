// What is minimised, and which passes over the responses that asks for.

import type { RunConfig } from "../config.ts";
import type { KlControl, KlControlSettings } from "../kl-control.ts";
import type { AggregationMode } from "../losses/aggregate.ts";
import { aggregationMode } from "../losses/aggregate.ts";
import { POLICY_LOSSES } from "../losses/index.ts";
import type { KlType } from "../losses/kl.ts";
import type { Objective } from "../losses/policy-loss.ts";
import { lossParams } from "../losses/policy-loss.ts";
import { advantagesNeed } from "./advantages.ts";
import { updatesPerStep } from "./batches.ts";
import { bypassLossOf, correctionOf } from "./correction.ts";
import { trainsPolicy } from "./critic.ts";
import { driverOf } from "./driver.ts";
import { entryOf } from "./entry-of.ts";
import { pairsOf } from "./preference.ts";

/** Whether the loss has a KL term. */
export const usesKlLoss = (config: RunConfig): boolean =>
  config["gradus.mode"] === "rl" && config["actor_rollout_ref.actor.use_kl_loss"];

/** Whether a step needs log-probabilities under the reference policy. */
export const usesReference = (config: RunConfig): boolean =>
  usesKlLoss(config) || klRewardOf(config) !== undefined || pairsOf(config)?.hasReference === true;

/**
 * Whether step `step` needs numbers of the old policy before its updates: else its only update has them at hand, or the sampler is
 * the old policy. Preference needs those before each update, and takes them there.
 */
export function needsOldPass(config: RunConfig, step: number): boolean {
  if (config["gradus.mode"] !== "rl") return false;
  if (!trainsPolicy(config, step)) return true;
  if (driverOf(config).entropyQuantile !== undefined) return true;
  if (advantagesNeed(config, "sum-squared-prob")) return true;
  if (bypassLossOf(config)) return false;
  return updatesPerStep(config) > 1 || klRewardOf(config) !== undefined || correctionOf(config) !== undefined;
}

/** KL in the reward; undefined when it is off. */
export function klRewardOf(
  config: RunConfig,
): (KlControlSettings & { readonly penalty: KlType }) | undefined {
  if (config["gradus.mode"] !== "rl" || !config["algorithm.use_kl_in_reward"]) return undefined;
  return {
    type: config["algorithm.kl_ctrl.type"] as KlControl,
    coef: config["algorithm.kl_ctrl.kl_coef"],
    target: config["algorithm.kl_ctrl.target_kl"],
    horizon: config["algorithm.kl_ctrl.horizon"],
    penalty: config["algorithm.kl_penalty"] as KlType,
  };
}

/** What is minimised. Throws UserError when a setting of the loss makes no sense. */
export function objectiveOf(config: RunConfig): Objective {
  const id = bypassLossOf(config) ?? config["actor_rollout_ref.actor.policy_loss.loss_mode"];
  const loss = entryOf(POLICY_LOSSES, id);
  const kl = {
    type: config["actor_rollout_ref.actor.kl_loss_type"] as KlType,
    coef: config["actor_rollout_ref.actor.kl_loss_coef"],
  };
  return {
    loss,
    params: lossParams(
      loss,
      (key) => (config as Readonly<Record<string, unknown>>)[key] as number | undefined,
    ),
    ...(usesKlLoss(config) && { kl }),
    entropyCoef: config["actor_rollout_ref.actor.entropy_coeff"],
  };
}

/** How token losses become one number, for the policy term and for KL and entropy. */
export function aggregationOf(
  config: RunConfig,
  { loss }: Objective,
): { policy: AggregationMode; penalty: AggregationMode; tokenNormaliser: number } {
  const penalty = aggregationMode(config["actor_rollout_ref.actor.loss_agg_mode"]);
  return { policy: loss.aggregation ?? penalty, penalty, tokenNormaliser: tokenNormaliserOf(config) };
}

/** What divides token sums under seq-mean-token-sum-norm. */
export function tokenNormaliserOf(config: RunConfig): number {
  const factor = config["actor_rollout_ref.actor.loss_scale_factor"];
  return factor > 0 ? factor : config["data.max_response_length"];
}
