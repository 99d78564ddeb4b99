// Numbers of rollout correction under verl's names, as metrics.ts lists them. Where they are computed is
// rollout-correction-metrics.ts; which of them a step logs depends on what is switched on.

import type { Metric } from "./metrics.ts";
import { REJECTION_OPTIONS } from "./rollout-correction.ts";

type Line = readonly [key: string, label: string, description: string, more?: Partial<Metric>];
const SHARE: Partial<Metric> = { isShare: true };
const NATS: Partial<Metric> = { unit: "nats" };

const asMetrics = (lines: readonly Line[]): Metric[] =>
  lines.map(([key, label, description, more]) => ({
    ...more,
    key: `rollout_corr/${key}`,
    label,
    description,
  }));

const WEIGHTS: readonly Line[] = [
  ["rollout_is_mean", "Weight (mean)", "Mean weight of a token for the sampler, after its bounds."],
  ["rollout_is_max", "Weight (largest)", "Largest weight of a token; of responses, before its bound."],
  ["rollout_is_min", "Weight (smallest)", "Smallest weight of a token; of responses, before its bound."],
  ["rollout_is_std", "Weight (spread)", "Standard deviation of the weights over tokens."],
  [
    "rollout_is_eff_sample_size",
    "Effective sample size",
    "1 / mean of (weight / mean weight)^2: 1 when all weigh the same, near 0 when few tokens decide.",
    SHARE,
  ],
  ["rollout_is_ratio_fraction_high", "Weights above the bound", "Share of weights above the bound.", SHARE],
  [
    "rollout_is_ratio_fraction_low",
    "Weights below the bound",
    "Share of weights below the lower bound, or below 1 / bound where there is none.",
    SHARE,
  ],
  [
    "rollout_is_oob_ratio",
    "Weights out of bounds",
    "Share of tokens whose weight became 0 for being outside of the two bounds.",
    SHARE,
  ],
  ["rollout_is_seq_mean", "Response weight (mean)", "Mean over responses of their mean weight."],
  ["rollout_is_seq_std", "Response weight (spread)", "Standard deviation of responses' mean weights."],
  ["rollout_is_seq_max", "Response weight (largest)", "Largest mean weight of a response."],
  ["rollout_is_seq_min", "Response weight (smallest)", "Smallest mean weight of a response."],
  [
    "rollout_is_seq_max_deviation",
    "Response weight (off 1)",
    "Largest distance of a response's mean weight from 1.",
  ],
  [
    "rollout_is_seq_fraction_high",
    "Responses above the bound",
    "Share of responses whose mean weight without bounds is above the bound.",
    SHARE,
  ],
  [
    "rollout_is_seq_fraction_low",
    "Responses below the bound",
    "Share of responses whose mean weight without bounds is below the lower bound, or 1 / bound.",
    SHARE,
  ],
  [
    "rollout_is_batch_norm_factor",
    "Mean weight divided by",
    "What weights were divided by, so that they are 1 on average.",
  ],
];

/** What every rejection logs of its distance, with the name of the option before it. */
const rejection = (option: string): Line[] => {
  const of = `the distance ${option} of rollout_rs`;
  const line = (key: string, word: string, text: string, more?: Partial<Metric>): Line =>
    [`rollout_rs_${option}_${key}`, `${option} (${word})`, text, ...(more ? [more] : [])] as const as Line;
  return [
    line("mean", "mean", `Mean of ${of} over tokens.`),
    line("max", "largest", `Largest of ${of}.`),
    line("min", "smallest", `Smallest of ${of}.`),
    line("std", "spread", `Standard deviation of ${of} over tokens, cut to its bounds.`),
    line("fraction_high", "above", `Share of ${of} above its bound.`, SHARE),
    line("fraction_low", "below", `Share of ${of} below its lower bound.`, SHARE),
    line("seq_mean", "responses, mean", `Mean over responses of ${of}.`),
    line("seq_std", "responses, spread", `Standard deviation over responses of ${of}.`),
    line("seq_max", "responses, largest", `Largest over responses of ${of}.`),
    line("seq_min", "responses, smallest", `Smallest over responses of ${of}.`),
    line("seq_max_deviation", "responses, off 0", `Largest size over responses of ${of}.`),
    line("seq_fraction_high", "responses above", `Share of responses with ${of} above its bound.`, SHARE),
    ...(option.endsWith("k1")
      ? [line("seq_fraction_low", "responses below", `Share of responses with ${of} below its bound.`, SHARE)]
      : []),
    line("masked_fraction", "rejected tokens", `Share of tokens that ${option} leaves out.`, SHARE),
    line(
      "seq_masked_fraction",
      "touched responses",
      `Share of responses that ${option} leaves a token out of.`,
      SHARE,
    ),
  ];
};

const TOTALS: readonly Line[] = [
  [
    "rollout_rs_masked_fraction",
    "Rejected tokens",
    "Share of tokens that rejection leaves out, by any distance.",
    SHARE,
  ],
  [
    "rollout_rs_seq_masked_fraction",
    "Responses with rejected tokens",
    "Share of responses that rejection leaves a token out of, by any distance.",
    SHARE,
  ],
];

const DISTANCE: readonly Line[] = [
  ["training_ppl", "Perplexity in training", "Mean over responses of their perplexity under the trainer."],
  [
    "training_log_ppl",
    "Log perplexity in training",
    "Mean over responses of their mean -log-probability under the trainer.",
    NATS,
  ],
  ["rollout_ppl", "Perplexity in sampling", "Mean over responses of their perplexity under the sampler."],
  [
    "rollout_log_ppl",
    "Log perplexity in sampling",
    "Mean over responses of their mean -log-probability under the sampler.",
    NATS,
  ],
  ["kl", "KL from the sampler", "Mean of sampler's minus trainer's log-probability (k1).", NATS],
  ["k3_kl", "KL from the sampler (k3)", "The same as k3, which is never negative.", NATS],
  [
    "log_ppl_diff",
    "Difference of log perplexity",
    "Mean over responses of trainer's minus sampler's log perplexity.",
    NATS,
  ],
  [
    "log_ppl_abs_diff",
    "Size of that difference",
    "Mean over responses of the size of that difference.",
    NATS,
  ],
  ["log_ppl_diff_max", "Largest difference", "Largest difference of log perplexity of a response.", NATS],
  ["log_ppl_diff_min", "Smallest difference", "Smallest difference of log perplexity of a response.", NATS],
  [
    "ppl_ratio",
    "Ratio of perplexities",
    "Mean over responses of the trainer's perplexity over the sampler's.",
  ],
  [
    "chi2_token",
    "Chi-square of tokens",
    "Mean of the squared ratio of a token's probabilities, minus 1: large when weights would be.",
  ],
  ["chi2_seq", "Chi-square of responses", "The same for whole responses."],
];

export const CORRECTION_METRICS: readonly Metric[] = asMetrics([
  ...WEIGHTS,
  ...TOTALS,
  ...REJECTION_OPTIONS.flatMap(rejection),
  ...DISTANCE,
]);
