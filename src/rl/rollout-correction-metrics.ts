// The numbers that tell how far sampler and trainer are apart, and what correcting it did, under verl's names without their
// prefix. Rows are responses, also empty ones, which verl counts in every mean over responses.
// Source: verl verl/trainer/ppo/rollout_corr_helper.py, compute_is_metrics, compute_rs_metrics, compute_offpolicy_metrics.

import { mean, sum } from "../common/numbers.ts";
import type { WeightSettings } from "./rollout-correction.ts";

type Rows = readonly ArrayLike<number>[];
type Metrics = Readonly<Record<string, number>>;

/** In the denominator of a mean over tokens, as in verl. */
const TINY = 1e-8;
/** At most this much in an exponent. */
const SAFE = 20;

const tokensOf = (rows: Rows): number[] => rows.flatMap((row) => Array.from(row));
/** Mean over tokens. */
const tokenMean = (values: readonly number[]): number => sum(values) / (values.length + TINY);
/** Mean of each response, 0 for an empty one. */
const rowMeans = (rows: Rows): number[] => rows.map((row) => tokenMean(Array.from(row)));
const rowSums = (rows: Rows): number[] => rows.map((row) => sum(Array.from(row)));
const max = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), -Infinity);
const min = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b), Infinity);
const share = (values: readonly number[], holds: (value: number) => boolean): number =>
  values.filter(holds).length / values.length;
const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/** Unbiased standard deviation; 0 for one value. */
function std(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const level = mean(values);
  return Math.sqrt(sum(values.map((value) => (value - level) ** 2)) / (values.length - 1));
}

/** Standard deviation over tokens, biased; 0 for one token. */
function tokenStd(values: readonly number[]): number {
  if (values.length < 2) return 0;
  return Math.sqrt(Math.max(0, tokenMean(values.map((value) => value * value)) - tokenMean(values) ** 2));
}

interface WeightRows {
  /** Weights as they are used, before they are divided by their mean, [B][length]. */
  readonly weights: readonly Float64Array[];
  /** Weights without bounds, [B][length]. */
  readonly raw: readonly Float64Array[];
  readonly logRatio: readonly Float64Array[];
  readonly settings: WeightSettings;
}

/** Spread of the weights and how many met a bound; without a lower bound, 1 / upper counts as one. */
export function weightMetrics({ weights, raw, logRatio, settings }: WeightRows): Metrics {
  const { upper, lower = 1 / upper } = settings;
  const tokens = tokensOf(weights);
  const bounded = tokens.map((weight) => clamp(weight, 0, upper));
  const level = tokenMean(bounded) + TINY;
  const rows = rowMeans(weights);
  const rawRows = rowMeans(raw);
  const isOutside = (weight: number): boolean => weight < lower || weight > upper;
  return {
    rollout_is_mean: tokenMean(tokens),
    ...(settings.level === "token"
      ? tokenExtremes(tokens, tokensOf(raw), lower, upper)
      : rowExtremes(rowSums(logRatio), lower, upper)),
    rollout_is_std: tokenStd(bounded),
    rollout_is_eff_sample_size: 1 / tokenMean(bounded.map((weight) => (weight / level) ** 2)),
    rollout_is_seq_mean: mean(rows),
    rollout_is_seq_std: std(rows),
    rollout_is_seq_max: max(rows),
    rollout_is_seq_min: min(rows),
    rollout_is_seq_max_deviation: max(rows.map((weight) => Math.abs(weight - 1))),
    rollout_is_seq_fraction_high: share(rawRows, (weight) => weight > upper),
    rollout_is_seq_fraction_low: share(rawRows, (weight) => weight < lower),
    ...(settings.lower !== undefined && {
      rollout_is_oob_ratio: tokenMean(tokensOf(raw).map((weight) => (isOutside(weight) ? 1 : 0))),
    }),
  };
}

const tokenExtremes = (
  weights: readonly number[],
  raw: readonly number[],
  lower: number,
  upper: number,
): Metrics => ({
  rollout_is_ratio_fraction_high: share(raw, (weight) => weight > upper),
  rollout_is_ratio_fraction_low: share(raw, (weight) => weight < lower),
  rollout_is_max: max(weights),
  rollout_is_min: min(weights),
});

/** `logRatio` is the sum over each response. */
const rowExtremes = (logRatio: readonly number[], lower: number, upper: number): Metrics => ({
  rollout_is_max: Math.exp(Math.min(SAFE, max(logRatio))),
  rollout_is_min: Math.exp(min(logRatio)),
  rollout_is_ratio_fraction_high: share(logRatio, (value) => value > Math.log(upper)),
  rollout_is_ratio_fraction_low: share(logRatio, (value) => value < Math.log(lower)),
});

interface RejectionRows {
  readonly option: string;
  /** What is compared with the bounds, [B][length]; of a response the same for all its tokens. */
  readonly statistic: readonly Float64Array[];
  readonly keep: readonly Uint8Array[];
  /** -Infinity where there is no lower bound. */
  readonly low: number;
  readonly high: number;
}

/** Spread of one distance and how much it rejects. Responses without tokens do not count. */
export function rejectionMetrics({ option, statistic, keep, low, high }: RejectionRows): Metrics {
  const filled = statistic.filter(({ length }) => length > 0);
  const tokens = tokensOf(filled);
  const isOfTokens = option.startsWith("token");
  const rows = isOfTokens ? rowMeans(filled) : filled.map((row) => row[0]!);
  const units = isOfTokens ? tokens : rows;
  const hasLow = low > -Infinity;
  const isRejected = (mask: Uint8Array): boolean => mask.includes(0);
  const metrics = {
    mean: tokenMean(tokens),
    max: max(units),
    min: min(units),
    fraction_high: share(units, (value) => value > high),
    fraction_low: share(units, (value) => value < low),
    std: tokenStd(tokens.map((value) => clamp(value, hasLow ? low : 0, high))),
    seq_mean: mean(rows),
    seq_std: std(rows),
    seq_max: max(rows),
    seq_min: min(rows),
    seq_max_deviation: max(rows.map(Math.abs)),
    seq_fraction_high: share(rows, (value) => value > high),
    ...(hasLow && { seq_fraction_low: share(rows, (value) => value < low) }),
    masked_fraction: maskedShare(keep),
    seq_masked_fraction: keep.filter(isRejected).length / filled.length,
  };
  return Object.fromEntries(
    Object.entries(metrics).map(([key, value]) => [`rollout_rs_${option}_${key}`, value]),
  );
}

/** Share of tokens that are 0 in a mask [B][length]. */
const maskedShare = (mask: readonly Uint8Array[]): number =>
  tokenMean(tokensOf(mask).map((keep) => 1 - keep));

/** How much all options together reject: of the tokens, and of the responses, empty ones included. */
export const rejectionTotals = (mask: readonly Uint8Array[]): Metrics => ({
  rollout_rs_masked_fraction: maskedShare(mask),
  rollout_rs_seq_masked_fraction: mask.filter((row) => row.includes(0)).length / mask.length,
});

/** Distance between the old policy and the sampler, and perplexity under both; [B][length] each. */
export function offPolicyMetrics(oldLogProb: Rows, samplerLogProb: Rows): Metrics {
  const logRatio = oldLogProb.map((row, b) =>
    Float64Array.from(row, (value, t) => value - samplerLogProb[b]![t]!),
  );
  const tokens = tokensOf(logRatio);
  const trained = rowMeans(oldLogProb);
  const sampled = rowMeans(samplerLogProb);
  const differences = sampled.map((value, b) => value - trained[b]!);
  const square = (logWeight: number): number => Math.exp(2 * clamp(logWeight, -SAFE, SAFE));
  return {
    training_ppl: mean(trained.map((value) => Math.exp(-value))),
    training_log_ppl: -mean(trained),
    kl: -tokenMean(tokens),
    k3_kl: tokenMean(tokens.map((y) => Math.exp(y) - y - 1)),
    rollout_ppl: mean(sampled.map((value) => Math.exp(-value))),
    rollout_log_ppl: -mean(sampled),
    log_ppl_diff: mean(differences),
    log_ppl_abs_diff: mean(differences.map(Math.abs)),
    log_ppl_diff_max: max(differences),
    log_ppl_diff_min: min(differences),
    ppl_ratio: mean(differences.map(Math.exp)),
    chi2_token: tokenMean(tokens.map(square)) - 1,
    chi2_seq: mean(rowSums(logRatio).map(square)) - 1,
  };
}
