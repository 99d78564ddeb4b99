// The numbers of a critic, as metrics.ts lists them. Where they are computed is metrics.ts of this folder.

import type { Metric } from "../metrics.ts";
import { spreadOf } from "../metric-spread.ts";

export const CRITIC_METRICS: readonly Metric[] = [
  {
    key: "critic/vf_loss",
    label: "Value loss",
    description:
      "Half the mean squared error of the critic's values, clipped, before the update that learns from it.",
    chart: "valueLoss",
  },
  {
    key: "critic/vf_explained_var",
    label: "Explained variance",
    description:
      "How much of what returns vary by the critic foresaw: 1 is all, 0 no more than a constant would, below 0 less.",
    chart: "explainedVar",
  },
  {
    key: "critic/vf_clipfrac",
    label: "Clipped values",
    description: "Share of tokens whose value the clip has stopped.",
    isShare: true,
  },
  {
    key: "critic/vpred_mean",
    label: "Values while learning",
    description: "Mean value over response tokens, before each update of the critic.",
  },
  {
    key: "critic/grad_norm",
    label: "Gradient norm of the critic",
    description: "Length of the critic's gradient before clipping, mean over its updates of the step.",
    chart: "gradNorm",
  },
  { key: "critic/lr", label: "Critic learning rate", description: "Learning rate of the critic's updates." },
  {
    key: "critic/skipped_updates",
    label: "Skipped critic updates",
    description: "Updates of this run's critic that were left out because a gradient was not finite.",
  },
  ...spreadOf("critic/values", "Value", "value before a response token, before the updates of the step"),
  ...spreadOf("critic/returns", "Return", "return after a response token, which the critic learns"),
  {
    key: "timing_s/values",
    label: "Value time",
    description: "Time of the critic's forward pass.",
    unit: "s",
  },
  {
    key: "timing_s/update_critic",
    label: "Critic update time",
    description: "Time of the critic's updates.",
    unit: "s",
  },
];
