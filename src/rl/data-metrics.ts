// What a step logs of its data: rewards, advantages, lengths, and a critic's values where there is one. Plain lists in, numbers
// under verl's names out. Source: verl verl/trainer/ppo/metric_utils.py, compute_data_metrics.

import { BugError } from "../common/errors.ts";
import { mean, sum } from "../common/numbers.ts";
import type { MetricRow } from "./metrics.ts";

/** Against division by zero in the explained variance, as in verl. */
const EXPLAINED_EPSILON = 1e-5;

/** Share of `items` for which `holds`. */
export const share = <T>(items: readonly T[], holds: (item: T) => boolean): number =>
  items.filter(holds).length / items.length;

/** Mean, largest and smallest of a list. */
export function spread(prefix: string, values: readonly number[]): MetricRow {
  const [max, min] = values.reduce(([high, low], value) => [Math.max(high, value), Math.min(low, value)], [
    -Infinity,
    Infinity,
  ] as [number, number]);
  return { [`${prefix}/mean`]: mean(values), [`${prefix}/max`]: max, [`${prefix}/min`]: min };
}

/** The numbers of [B][length] in one list. */
const flat = (lists: readonly ArrayLike<number>[]): number[] => lists.flatMap((list) => Array.from(list));

/** A number of each response [B], such as its score: spread over those that have tokens, `lengths` [B]. */
export const responseSpread = (
  prefix: string,
  values: readonly number[],
  lengths: readonly number[],
): MetricRow =>
  spread(
    prefix,
    values.filter((_, i) => lengths[i]! > 0),
  );

/** A number of each token, [B][length], spread over all of them; nothing where there are none. */
export function tokenSpread(prefix: string, values: readonly ArrayLike<number>[]): MetricRow {
  const all = flat(values);
  return all.length > 0 ? spread(prefix, all) : {};
}

/** Lengths in tokens, and the share of those that `isCut` says were cut, or fill all there is; both [B]. */
export const lengthMetrics = (
  prefix: string,
  lengths: readonly number[],
  isCut: readonly boolean[],
): MetricRow => ({ ...spread(prefix, lengths), [`${prefix}/clip_ratio`]: share(isCut, (cut) => cut) });

/**
 * Returns and values of every token, [B][length], and how much of the returns' variance the values explain: 1 all of it, 0 no
 * more than their mean would, below 0 less; nothing of fewer than two tokens. Throws BugError when the two do not belong together.
 */
export function criticMetrics(
  returns: readonly ArrayLike<number>[],
  values: readonly ArrayLike<number>[],
): MetricRow {
  const [wanted, given] = [flat(returns), flat(values)];
  if (wanted.length !== given.length) throw new BugError(`${wanted.length} returns, ${given.length} values`);
  if (wanted.length < 2) return {};
  const errors = wanted.map((value, i) => value - given[i]!);
  return {
    ...spread("critic/returns", wanted),
    ...spread("critic/values", given),
    "critic/vf_explained_var": 1 - varianceOf(errors) / (varianceOf(wanted) + EXPLAINED_EPSILON),
  };
}

/** Unbiased. */
function varianceOf(values: readonly number[]): number {
  const centre = mean(values);
  return sum(values.map((value) => (value - centre) ** 2)) / (values.length - 1);
}
