// What stands around every policy loss.

import type { RunConfig } from "../config.ts";
import type { EntropyControlSettings } from "../entropy-control.ts";

export interface DriverSettings {
  /** Ratios are those of whole responses. */
  readonly isSequenceLevel: boolean;
  /** Only tokens at or above this quantile of the entropies of a mini-batch are in the policy term; absent: all. */
  readonly entropyQuantile?: number;
  /** Responses that were cut are not trained on. */
  readonly masksTruncated: boolean;
  /** Bad responses that have become less likely by more than this, nats per token, are not in the policy term; absent: all. */
  readonly offPolicyThreshold?: number;
}

/** Under another method than sampling with a policy loss all options are off, whatever their settings. */
export function driverOf(config: RunConfig): DriverSettings {
  if (config["gradus.mode"] !== "rl") return { isSequenceLevel: false, masksTruncated: false };
  const share = config["gradus.top_entropy_quantile"];
  const threshold = config["gradus.off_policy_mask_threshold"];
  return {
    isSequenceLevel: config["gradus.importance_level"] === "sequence",
    ...(share < 1 && { entropyQuantile: 1 - share }),
    masksTruncated: config["gradus.mask_truncated_responses"],
    ...(threshold > 0 && { offPolicyThreshold: threshold }),
  };
}

/** The entropy bonus that follows the entropy; undefined when it is fixed. */
export function entropyControlOf(config: RunConfig): EntropyControlSettings | undefined {
  if (config["gradus.mode"] !== "rl" || !config["gradus.use_adaptive_entropy"]) return undefined;
  return {
    start: config["actor_rollout_ref.actor.entropy_coeff"],
    target: config["gradus.entropy_target"],
    delta: config["gradus.entropy_coef_delta"],
    min: config["gradus.entropy_coef_min"],
    max: config["gradus.entropy_coef_max"],
  };
}
