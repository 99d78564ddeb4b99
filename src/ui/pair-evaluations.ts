// What a run has told of held-out preference pairs, evaluation by evaluation. Pure; shown by the headline.

import { STEP, VAL_PAIRS, VAL_PAIRS_HIGH, VAL_PAIRS_LOW } from "../rl/metrics.ts";
import type { MetricRow } from "../worker/api.ts";

export interface PairEvaluation {
  readonly step: number;
  /** Pairs judged. */
  readonly n: number;
  /** Share of pairs told apart as the data does, with its 95 % interval, 0 to 1. */
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** In the order of the steps. */
export const pairEvaluations = (history: readonly MetricRow[]): PairEvaluation[] =>
  history.flatMap((row) =>
    row[VAL_PAIRS] === undefined
      ? []
      : [
          {
            step: row[STEP]!,
            n: row["val-aux/preference/n"]!,
            mean: row[VAL_PAIRS],
            low: row[VAL_PAIRS_LOW]!,
            high: row[VAL_PAIRS_HIGH]!,
          },
        ],
  );
