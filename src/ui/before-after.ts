// Two evaluations of the same held-out problems, compared: which problems flipped, and how sure the difference is. Pure.

import type { Evaluation, EvaluationSample } from "../worker/api.ts";

export interface Flip {
  readonly before: EvaluationSample;
  readonly after: EvaluationSample;
}

export interface Comparison {
  readonly toRight: readonly Flip[];
  readonly toWrong: readonly Flip[];
  readonly stayedRight: number;
  readonly stayedWrong: number;
}

/** The problems of both evaluations by how their strict verdict changed; undefined where they are not the same problems. */
export function compared(before: Evaluation, after: Evaluation): Comparison | undefined {
  const isSame =
    before.samples.length > 0 &&
    before.samples.length === after.samples.length &&
    before.samples.every(({ question }, index) => question === after.samples[index]!.question);
  if (!isSame) return undefined;
  const pairs = before.samples.map((sample, index) => ({ before: sample, after: after.samples[index]! }));
  const having = (was: boolean, is: boolean): Flip[] =>
    pairs.filter((pair) => pair.before.isStrict === was && pair.after.isStrict === is);
  return {
    toRight: having(false, true),
    toWrong: having(true, false),
    stayedRight: having(true, true).length,
    stayedWrong: having(false, false).length,
  };
}

export interface Difference {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/**
 * The difference of the strict accuracies with its 95 % interval, from the Wilson intervals of both and, where the problems
 * are the same, the correlation of their verdicts. Newcombe 1998, Statistics in Medicine 17:2635, method 10 without the
 * continuity correction of phi.
 */
export function difference(before: Evaluation, after: Evaluation): Difference {
  const comparison = compared(before, after);
  const phi = comparison ? correlation(comparison) : 0;
  const a = after.strict;
  const b = before.strict;
  const mean = a.mean - b.mean;
  const reach = (x: number, y: number): number => Math.sqrt(Math.max(0, x * x - 2 * phi * x * y + y * y));
  return {
    mean,
    low: mean - reach(a.mean - a.low, b.high - b.mean),
    high: mean + reach(a.high - a.mean, b.mean - b.low),
  };
}

/** Of two yes-or-no verdicts on the same problems; 0 where one of them is always the same. */
function correlation({ toRight, toWrong, stayedRight, stayedWrong }: Comparison): number {
  const [both, none, gained, lost] = [stayedRight, stayedWrong, toRight.length, toWrong.length];
  const size = (both + lost) * (gained + none) * (both + gained) * (lost + none);
  return size === 0 ? 0 : (both * none - gained * lost) / Math.sqrt(size);
}
