// From a run's history to what the charts draw: which series a chart has, smoothing, and axes that do not twitch with
// every step. Pure, so that it can be tested without a page; draws nothing.

import type { ChartId, Metric } from "../rl/metrics.ts";
import {
  CHARTS,
  METRICS,
  STEP,
  VAL_FLEXIBLE,
  VAL_HIGH,
  VAL_LOW,
  VAL_PAIRS,
  VAL_STRICT,
} from "../rl/metrics.ts";
import type { Evaluation, MetricRow } from "../worker/api.ts";
import { formatNumber, formatShare } from "./format.ts";

export type Mode = "rl" | "dpo" | "sft";
/** One value per step; null where the step has none, or one that is not finite. */
export type Values = readonly (number | null)[];

export interface Series {
  readonly metric: Metric;
  /** Its name within the chart. */
  readonly name: string;
  /** Smoothed. */
  readonly values: Values;
  /** As measured, where `values` are smoothed. */
  readonly raw?: Values;
}

export interface ChartModel {
  readonly id: ChartId;
  readonly label: string;
  /** Ascending; the same for every chart of a run. */
  readonly steps: readonly number[];
  /** Where the step axis ends. */
  readonly end: number;
  /** Those with at least one value. */
  readonly series: readonly Series[];
  /** An interval around the first series. */
  readonly band?: { readonly low: Values; readonly high: Values };
  /** Steps with a value. */
  readonly points: number;
}

/** Charts that a run of `mode` has, in reading order; those of a critic once `rows` tell of one. */
export function chartsOf(mode: Mode, rows: readonly MetricRow[] = []): readonly (typeof CHARTS)[number][] {
  const hasCritic = rows.some((row) => row["critic/vf_loss"] !== undefined);
  return CHARTS.filter(({ id, mode: of }) => {
    if (of === "critic") return hasCritic;
    return mode === "dpo" ? of !== "sft" && !OF_SAMPLING.includes(id) : of === "both" || of === mode;
  });
}

/** Charts of what only sampled responses have. */
const OF_SAMPLING: readonly ChartId[] = ["clip", "length"];

/** The charts' word for a method. */
export const modeOf = (method: string | undefined): Mode =>
  method === "sft" || method === "dpo" ? method : "rl";

/** One row a step, with the accuracies of evaluations in it, whether or not the history tells them as well. */
export function rowsOf(history: readonly MetricRow[], evaluations: readonly Evaluation[]): MetricRow[] {
  const byStep = new Map<number, MetricRow>();
  for (const { step, strict, flexible } of evaluations)
    byStep.set(step, {
      [STEP]: step,
      [VAL_STRICT]: strict.mean,
      [VAL_LOW]: strict.low,
      [VAL_HIGH]: strict.high,
      [VAL_FLEXIBLE]: flexible.mean,
    });
  for (const row of history) byStep.set(row[STEP]!, { ...byStep.get(row[STEP]!), ...row });
  return [...byStep.values()].sort((a, b) => a[STEP]! - b[STEP]!);
}

/** Values of `key`, one a row. */
export const valuesOf = (rows: readonly MetricRow[], key: string): (number | null)[] =>
  rows.map((row) => {
    const value = row[key];
    return value !== undefined && Number.isFinite(value) ? value : null;
  });

const hasValue = (values: Values): boolean => values.some((value) => value !== null);

/** Names of lines within a chart that has several; the chart's own name stands above them. */
const NAMES: Readonly<Record<string, string>> = {
  [VAL_STRICT]: "strict",
  [VAL_FLEXIBLE]: "flexible",
  "critic/score/mean": "mean",
  "critic/remax_baseline/mean": "greedy",
  "train/acc_strict": "strict",
  "train/acc_flexible": "flex.",
  "actor/kl_loss": "reference",
  "actor/ppo_kl": "old policy",
  "actor/pg_clipfrac": "clip",
  "actor/pg_clipfrac_lower": "dual",
  "actor/pg_clipfrac_upper": "high",
  "actor/reward_kl_penalty": "in reward",
  "actor/grad_norm": "policy",
  "critic/grad_norm": "critic",
  [VAL_PAIRS]: "pairs",
  "rewards/chosen": "chosen",
  "rewards/rejected": "rejected",
  "rewards/margins": "margin",
  "preference/ranking_loss": "training",
  "val-aux/preference/loss": "held out",
  "preference/kl": "reference",
  "preference/step_kl": "step",
  "perf/throughput": "all",
  "perf/rollout_throughput": "rollout",
};

/** Lines whose name says nothing where they are alone. */
const NAMELESS_ALONE: readonly string[] = ["critic/score/mean", "actor/grad_norm", "perf/throughput"];

/** What chart `id` draws of `rows`, each line smoothed by `smoothing`. Accuracies are few and exact enough as they are. */
export function chartModel(
  id: ChartId,
  rows: readonly MetricRow[],
  totalSteps: number,
  smoothing: number,
): ChartModel {
  const isSmoothed = smoothing > 0 && id !== "accuracy";
  const series = METRICS.filter((metric) => metric.chart === id)
    .map((metric): Series => {
      const raw = valuesOf(rows, metric.key);
      const name = NAMES[metric.key] ?? "";
      return isSmoothed
        ? { metric, name, raw, values: smoothed(raw, smoothing) }
        : { metric, name, values: raw };
    })
    .filter(({ values }) => hasValue(values));
  const low = valuesOf(rows, VAL_LOW);
  const isBanded = id === "accuracy" && hasValue(low);
  return {
    id,
    label: CHARTS.find((chart) => chart.id === id)!.label,
    steps: rows.map((row) => row[STEP]!),
    end: stepAxisEnd(rows.at(-1)?.[STEP] ?? 0, totalSteps),
    series:
      series.length === 1
        ? series.map((line) => (NAMELESS_ALONE.includes(line.metric.key) ? { ...line, name: "" } : line))
        : series,
    ...(isBanded && { band: { low, high: valuesOf(rows, VAL_HIGH) } }),
    points: rows.filter((_, index) => series.some(({ values }) => values[index] !== null)).length,
  };
}

/**
 * Exponential moving average with the bias of its beginning taken out, as TensorBoard smooths: `weight` 0 changes nothing,
 * near 1 it averages over about 1 / (1 - weight) values. Gaps stay gaps.
 */
export function smoothed(values: Values, weight: number): (number | null)[] {
  let sum = 0;
  let norm = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = weight * sum + (1 - weight) * value;
    norm = weight * norm + (1 - weight);
    return sum / norm;
  });
}

const NICE = [1, 2, 3, 4, 5, 6, 8, 10];

/** The least of 1, 2, 3, 4, 5, 6, 8 times a power of ten that is not below `value` > 0. */
export function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return NICE.find((factor) => factor * power >= value * (1 - 1e-9))! * power;
}

/** Where the step axis ends: far enough that it moves seldom, and never past the end of the run. */
export function stepAxisEnd(lastStep: number, totalSteps: number): number {
  const end = niceAbove(Math.max(lastStep * 1.05, 5));
  return Math.max(lastStep, Math.min(end, totalSteps), 1);
}

/**
 * From where to where a chart's value axis goes: from 0 for what is never negative, around 0 otherwise, with ends that are
 * round numbers so that they move seldom. A share never goes past 1.
 */
export function valueAxis(values: Values, isShare: boolean): readonly [low: number, high: number] {
  const known = values.filter((value) => value !== null);
  const low = Math.min(0, ...known);
  const high = Math.max(0, ...known);
  const size = Math.max(high, -low);
  if (size === 0) return [0, isShare ? 0.1 : 1];
  const ends: [number, number] = [
    low < 0 ? -niceAbove(Math.max(-low, size / 5)) : 0,
    high > 0 ? niceAbove(Math.max(high, low < 0 ? size / 5 : 0)) : 0,
  ];
  return isShare ? [ends[0], Math.min(1, Math.max(0.1, ends[1]))] : ends;
}

/** Letters in the names of a chart's lines that fit beside their values in one line. */
const NAMES_IN_A_LINE = 18;

/** Whether the names and values of the lines need two lines of text; it does not change while values come. */
export const isLong = ({ series }: ChartModel): boolean =>
  series.length > 2 && series.reduce((sum, { name }) => sum + name.length, 0) > NAMES_IN_A_LINE;

/** The newest value of a series and the step it belongs to. */
export function lastOf(
  steps: readonly number[],
  values: Values,
): { readonly step: number; readonly value: number } | undefined {
  const index = values.findLastIndex((value) => value !== null);
  return index < 0 ? undefined : { step: steps[index]!, value: values[index]! };
}

/** At most `count` positions of a list of `length`, first and last among them, for a table that can be listened to. */
export function spreadOver(length: number, count: number): number[] {
  if (length <= count) return Array.from({ length }, (_, index) => index);
  return Array.from({ length: count }, (_, index) => Math.round((index * (length - 1)) / (count - 1)));
}

/** The value at `index`, or the newest before it. */
export const valueAt = (values: Values, index: number): number | undefined =>
  values[values.findLastIndex((value, position) => position <= index && value !== null)] ?? undefined;

/** `value` as a person reads it: a share in percent, other numbers with three digits, with the unit. */
export function metricText(value: number, { isShare, unit }: Metric): string {
  if (isShare) return formatShare(value);
  return unit ? `${formatNumber(value)} ${unit}` : formatNumber(value);
}

/** `value` in short, where several stand in one line: whole percents, no unit. */
export const shortText = (value: number, { isShare }: Metric): string =>
  isShare ? formatShare(value, value < 0.1 ? 1 : 0) : formatNumber(value);
