// Clips, and numbers of what stands around every policy loss, as metrics.ts lists them. Where they are computed is update-numbers.ts and
// step-metrics.ts.

import type { Metric } from "../metrics.ts";

export const DRIVER_METRICS: readonly Metric[] = [
  {
    key: "actor/pg_clipfrac",
    label: "Clipped tokens",
    description: "Share of tokens whose gradient the clip has stopped.",
    isShare: true,
    chart: "clip",
  },
  {
    key: "actor/pg_clipfrac_lower",
    label: "Dual-clipped tokens",
    description: "Share of tokens with negative advantage that the dual clip has stopped.",
    isShare: true,
    chart: "clip",
  },
  {
    key: "actor/pg_clipfrac_upper",
    label: "Clipped above",
    description:
      "Share of tokens that the upper bound of the ratio stopped or capped; the rest of the clipped tokens met the lower one. verl does not log it.",
    isShare: true,
    chart: "clip",
  },
  {
    key: "actor/seq_importance_ratio",
    label: "Ratio of responses",
    description:
      "Mean over responses of exp(mean log-ratio of their tokens): 1 where the policy is its own old policy. Only under losses and levels that look at whole responses; verl does not log it.",
  },
  {
    key: "actor/off_policy_masked",
    label: "Off-policy responses",
    description:
      "Share of responses that the off-policy mask left out of the policy loss. Neither verl nor TRL logs it.",
    isShare: true,
  },
  {
    key: "actor/entropy_coeff",
    label: "Entropy bonus",
    description:
      "Coefficient of the adaptive entropy bonus, mean over the updates of the step; 0 while the entropy is above its target.",
  },
  {
    key: "actor/empty_updates",
    label: "Empty updates",
    description:
      "Updates of the step that were left out because every token of theirs was cut off or rejected; the weights stayed as they were.",
  },
];
