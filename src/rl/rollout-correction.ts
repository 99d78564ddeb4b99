// Rollout correction: what to do when the sampler's probabilities are not the trainer's. Tokens get weights (truncated importance
// sampling, or IcePop's cut), and tokens or responses that are too far off are left out. Pure arithmetic on log-probabilities;
// the settings' text is read in rollout-correction-settings.ts.
//   y = oldLogProb - samplerLogProb, cut to -20 .. 20
//   weight   min(exp(y), upper), or exp(y) within lower .. upper and else 0; of a sequence: the same with the sum of y
//   k1 = -y, k2 = y^2 / 2, k3 = e^y - 1 - y; kept if ln lower <= k1 <= ln upper, or k2, k3 <= upper
// k1 is -y, so the bounds of k1 are bounds of the inverse ratio, as in verl.
// Source: verl verl/trainer/ppo/rollout_corr_helper.py; Yao et al. 2025, Your Efficient RL Framework Secretly Brings You Off-Policy
// RL Training (truncation).

import { BugError } from "../common/errors.ts";
import {
  offPolicyMetrics,
  rejectionMetrics,
  rejectionTotals,
  weightMetrics,
} from "./rollout-correction-metrics.ts";

/** At most this much in an exponent. */
const SAFE = 20;
/** In the denominator of a mean over tokens, as in verl. */
const TINY = 1e-8;

/** Which responses are left out by which distance. */
export const REJECTION_OPTIONS = [
  "token_k1",
  "token_k2",
  "token_k3",
  "seq_sum_k1",
  "seq_sum_k2",
  "seq_sum_k3",
  "seq_mean_k1",
  "seq_mean_k2",
  "seq_mean_k3",
  "seq_max_k2",
  "seq_max_k3",
] as const;
export type RejectionOption = (typeof REJECTION_OPTIONS)[number];

export interface WeightSettings {
  readonly level: "token" | "sequence";
  readonly upper: number;
  /** Present: weights outside lower .. upper become 0 (IcePop); absent: weights are cut to `upper`. */
  readonly lower?: number;
  /** Divide by the mean weight of the batch. */
  readonly normalise: boolean;
}

/** Bounds of one distance; for k1 of the ratio that it is the logarithm of. */
export interface Rejection {
  readonly option: RejectionOption;
  readonly upper: number;
  /** Of k1 only. */
  readonly lower?: number;
}

export interface CorrectionSettings {
  /** Absent: no weights. */
  readonly weights?: WeightSettings;
  /** All must agree for a token to stay. */
  readonly rejection: readonly Rejection[];
}

/** Log-probabilities of B responses under the old policy and as sampled, [B][length]. */
export interface CorrectionArgs {
  readonly oldLogProb: readonly ArrayLike<number>[];
  readonly samplerLogProb: readonly ArrayLike<number>[];
  readonly settings: CorrectionSettings;
}

export interface RolloutCorrection {
  /** Weight of each token in the policy loss, [B][length]; absent where none were asked for. */
  readonly weights?: readonly Float64Array[];
  /** 1 for tokens that stay, [B][length]: the new responseMask. */
  readonly responseMask: readonly Uint8Array[];
  /** verl's numbers, under its names. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Weights, mask and metrics of a batch. Throws BugError when the lists do not belong together or have no token. */
export function correctRollouts(args: CorrectionArgs): RolloutCorrection {
  const logRatio = logRatios(args);
  const { weights: wanted, rejection } = args.settings;
  const weights = wanted && correctionWeights(logRatio, wanted);
  const masks = rejection.map((one) => rejectBy(logRatio, one));
  const responseMask = logRatio.map((row, b) =>
    Uint8Array.from(row, (_, t) => (masks.every(({ keep }) => keep[b]![t] === 1) ? 1 : 0)),
  );
  const metrics = {
    ...weights?.metrics,
    ...Object.assign({}, ...masks.map((mask) => mask.metrics)),
    ...(rejection.length > 0 && rejectionTotals(responseMask)),
    ...offPolicyMetrics(args.oldLogProb, args.samplerLogProb),
  };
  const prefixed = Object.entries(metrics).map(([key, value]) => [`rollout_corr/${key}`, value]);
  return {
    ...(weights && { weights: weights.weights }),
    responseMask,
    metrics: Object.fromEntries(prefixed),
  };
}

function logRatios({ oldLogProb, samplerLogProb }: CorrectionArgs): Float64Array[] {
  const lengths = (rows: readonly ArrayLike<number>[]): string => rows.map(({ length }) => length).join();
  if (lengths(oldLogProb) !== lengths(samplerLogProb))
    throw new BugError(
      `responses of ${lengths(oldLogProb)} and ${lengths(samplerLogProb)} log-probabilities`,
    );
  if (oldLogProb.every(({ length }) => length === 0)) throw new BugError("responses without a token");
  return oldLogProb.map((row, b) => Float64Array.from(row, (value, t) => value - samplerLogProb[b]![t]!));
}

const sumOf = (row: ArrayLike<number>): number => Array.from(row).reduce((a, b) => a + b, 0);
const clip = (y: number): number => Math.min(SAFE, Math.max(-SAFE, y));

/** Weights of every token [B][length] from log-ratios [B][length], with the metrics of what they were before they were divided by their mean. */
function correctionWeights(
  logRatio: readonly Float64Array[],
  settings: WeightSettings,
): { readonly weights: Float64Array[]; readonly metrics: Readonly<Record<string, number>> } {
  const { level, upper, lower, normalise } = settings;
  const raw = logRatio.map((row) => {
    if (level === "token") return row.map((y) => Math.exp(clip(y)));
    return new Float64Array(row.length).fill(Math.exp(clip(sumOf(row))));
  });
  const bound = (weight: number): number => {
    if (lower === undefined) return Math.min(weight, upper);
    return weight >= lower && weight <= upper ? weight : 0;
  };
  const weights = raw.map((row) => row.map(bound));
  const metrics = weightMetrics({ weights, raw, logRatio, settings });
  if (!normalise) return { weights, metrics };
  const mean = meanWeight(weights, level);
  const factor = mean > TINY ? mean : 1;
  return {
    weights: weights.map((row) => row.map((weight) => weight / factor)),
    metrics: { ...metrics, rollout_is_batch_norm_factor: factor },
  };
}

/** Mean over tokens, or over responses that have some. */
function meanWeight(weights: readonly Float64Array[], level: WeightSettings["level"]): number {
  if (level === "token") {
    const count = weights.reduce((sum, { length }) => sum + length, 0);
    return weights.reduce((sum, row) => sum + sumOf(row), 0) / (count + TINY);
  }
  const rows = weights.filter(({ length }) => length > 0);
  return rows.reduce((sum, row) => sum + sumOf(row) / (row.length + TINY), 0) / rows.length;
}

type Distance = (y: number) => number;
const DISTANCES: Readonly<Record<string, Distance>> = {
  k1: (y) => -y,
  k2: (y) => (y * y) / 2,
  k3: (y) => Math.exp(y) - 1 - y,
};

/** How tokens' distances become one of the response; [length] to a number. */
const OVER_RESPONSE: Readonly<Record<string, (row: Float64Array) => number>> = {
  seq_sum: sumOf,
  seq_mean: (row) => sumOf(row) / (row.length + TINY),
  seq_max: (row) => (row.length === 0 ? 0 : Math.max(...row)),
};

/** Which tokens one option keeps, from log-ratios [B][length]. */
function rejectBy(
  logRatio: readonly Float64Array[],
  rejection: Rejection,
): { readonly keep: Uint8Array[]; readonly metrics: Readonly<Record<string, number>> } {
  const { option } = rejection;
  const distance = DISTANCES[option.slice(-2)]!;
  const ofTokens = logRatio.map((row) => row.map((y) => distance(clip(y))));
  const over = OVER_RESPONSE[option.slice(0, -3)];
  const statistic = over ? ofTokens.map((row) => new Float64Array(row.length).fill(over(row))) : ofTokens;
  const bounds = boundsOf(rejection);
  const keep = statistic.map((row) =>
    Uint8Array.from(row, (value) => (value >= bounds.low && value <= bounds.high ? 1 : 0)),
  );
  return { keep, metrics: rejectionMetrics({ option, statistic, keep, ...bounds }) };
}

/** Bounds of the distance itself. */
function boundsOf({ option, upper, lower }: Rejection): { readonly low: number; readonly high: number } {
  if (!option.endsWith("k1")) return { low: -Infinity, high: upper };
  if (lower === undefined) throw new BugError(`${option} without a lower bound`);
  return { low: Math.log(lower), high: Math.log(upper) };
}
