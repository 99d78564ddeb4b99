// Held-out pairs in a run's history.

import { expect, test } from "vitest";

import { STEP, VAL_PAIRS, VAL_PAIRS_HIGH, VAL_PAIRS_LOW } from "../../src/rl/metrics.ts";
import { pairEvaluations } from "../../src/ui/pair-evaluations.ts";

test("evaluations of pairs are found between steps that have none", () => {
  const judged = (step: number, mean: number) => ({
    [STEP]: step,
    [VAL_PAIRS]: mean,
    [VAL_PAIRS_LOW]: mean - 0.1,
    [VAL_PAIRS_HIGH]: mean + 0.1,
    "val-aux/preference/n": 40,
  });
  expect(pairEvaluations([judged(0, 0.5), { [STEP]: 1 }, judged(2, 0.75)])).toEqual([
    { step: 0, n: 40, mean: 0.5, low: 0.4, high: 0.6 },
    { step: 2, n: 40, mean: 0.75, low: 0.65, high: 0.85 },
  ]);
  expect(pairEvaluations([])).toEqual([]);
});
