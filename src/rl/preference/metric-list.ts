// The numbers of preference, sampled or given, as metrics.ts lists them. Where they are computed is metrics.ts, dpo-step.ts
// and evaluate-pairs.ts of this folder. Words in brackets are those of the description of group preference, or TRL's.

import type { Metric } from "../metrics.ts";

/** What the description of group preference calls numbers that every sampling method logs. */
export const REWARD_WORDS: Readonly<Record<string, string>> = {
  "critic/score/mean": "reward_mean",
  "critic/score/max": "reward_max",
};

export const VAL_PAIRS = "val-core/preference/accuracy";
/** Ends of its 95 % interval. */
export const VAL_PAIRS_LOW = "val-core/preference/accuracy_low";
export const VAL_PAIRS_HIGH = "val-core/preference/accuracy_high";

export const PREFERENCE_METRICS: readonly Metric[] = [
  {
    key: "preference/ranking_loss",
    label: "Preference loss",
    description:
      "Mean loss of a pair (ranking_loss); with the sigmoid -log sigmoid(beta times the margin), 0.69 when a pair is undecided.",
    chart: "loss",
  },
  {
    key: "preference/accuracy",
    label: "Preference accuracy",
    description:
      "Share of pairs (preference_accuracy; rewards/accuracies in TRL) whose better response had the higher log-probability before the update that learns from it; with a reference, the one that gained more on it, which none has in the first update.",
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
    description:
      "Mean KL estimate (k3) between policy and the model the run began with, before an update (kl_divergence). With given pairs a distance on their responses, which the policy did not write.",
    unit: "nats",
    chart: "kl",
  },
  {
    key: "preference/step_kl",
    label: "KL of a step",
    description:
      "Mean KL estimate (k3) from the policy that wrote the responses to the policy after the updates on them (kl_divergence where there is no reference). 0.001 to 0.1 is healthy.",
    unit: "nats",
    chart: "kl",
  },
  {
    key: "rewards/chosen",
    label: "Implicit reward, chosen",
    description:
      "Mean of beta times the log-probability that the chosen responses have gained on the reference.",
    chart: "reward",
  },
  {
    key: "rewards/rejected",
    label: "Implicit reward, rejected",
    description:
      "Mean of beta times the log-probability that the rejected responses have gained on the reference.",
    chart: "reward",
  },
  {
    key: "rewards/margins",
    label: "Implicit reward margin",
    description: "Mean difference between the implicit rewards of chosen and rejected responses.",
    chart: "reward",
  },
  {
    key: "logps/chosen",
    label: "Chosen responses, whole",
    description: "Mean log-probability of a chosen response: the sum of its tokens, or their mean, as set.",
    unit: "nats",
  },
  {
    key: "logps/rejected",
    label: "Rejected responses, whole",
    description: "Mean log-probability of a rejected response: the sum of its tokens, or their mean, as set.",
    unit: "nats",
  },
  {
    key: VAL_PAIRS,
    label: "Held-out preference accuracy",
    description:
      "Share of held-out pairs whose chosen response has gained more on the reference, or is likelier without one; undecided pairs count half, so a run with a reference begins at 50 %.",
    isShare: true,
    chart: "accuracy",
  },
  {
    key: VAL_PAIRS_LOW,
    label: "Held-out preference accuracy, lower end",
    description: "Lower end of the 95 % interval (Wilson) of the preference accuracy.",
    isShare: true,
  },
  {
    key: VAL_PAIRS_HIGH,
    label: "Held-out preference accuracy, upper end",
    description: "Upper end of the 95 % interval (Wilson) of the preference accuracy.",
    isShare: true,
  },
  {
    key: "val-aux/preference/loss",
    label: "Held-out preference loss",
    description: "Mean loss of a held-out pair.",
    chart: "loss",
  },
  {
    key: "val-aux/preference/margin",
    label: "Held-out margin",
    description: "Mean difference between the implicit rewards of held-out chosen and rejected responses.",
  },
  { key: "val-aux/preference/n", label: "Held-out pairs", description: "Held-out pairs that were judged." },
];
