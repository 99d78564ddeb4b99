// The numbers of group preference, as metrics.ts lists them. Where they are computed is metrics.ts of this folder.

import type { Metric } from "../metrics.ts";

export const PREFERENCE_METRICS: readonly Metric[] = [
  {
    key: "preference/ranking_loss",
    label: "Ranking loss",
    description: "Mean of -log sigmoid(beta times the margin) over pairs: 0.69 when a pair is undecided.",
    chart: "loss",
  },
  {
    key: "preference/accuracy",
    label: "Preference accuracy",
    description:
      "Share of pairs whose better response had the higher log-probability before the update that learns from it; with a reference, the one that gained more on it, which none has in the first update.",
    isShare: true,
  },
  {
    key: "preference/margin",
    label: "Preference margin",
    description:
      "Mean of how much higher the log-probability of the better response is; minus the reference's, where there is one.",
    unit: "nats",
  },
  { key: "preference/pairs", label: "Pairs", description: "Pairs that the step learnt from." },
  {
    key: "preference/chosen_log_prob",
    label: "Chosen responses",
    description: "Mean log-probability of a token of the better response of a pair.",
    unit: "nats",
  },
  {
    key: "preference/rejected_log_prob",
    label: "Rejected responses",
    description: "Mean log-probability of a token of the worse response of a pair.",
    unit: "nats",
  },
  {
    key: "preference/kl",
    label: "KL to the reference",
    description: "Mean KL estimate (k3) between policy and the model the run began with, before an update.",
    unit: "nats",
    chart: "kl",
  },
];
