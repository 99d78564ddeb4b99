// KL in the reward: what a token pays, and how the coefficient follows its target. verl's numbers are in
// advantages/golden.test.ts.

import { expect, test } from "vitest";

import type { KlControlSettings } from "../../src/rl/kl-control.ts";
import { applyKlToRewards, klControlNext, klControlStart } from "../../src/rl/kl-control.ts";

const adaptive: KlControlSettings = { type: "adaptive", coef: 0.1, target: 2, horizon: 100 };
const fixed: KlControlSettings = { ...adaptive, type: "fixed" };

test("a token pays its distance times the coefficient, and a score stays on its token", () => {
  const { tokenRewards, kl } = applyKlToRewards({
    tokenScores: [[0, 1], [0.5], []],
    oldLogProb: [[-1, -2], [-1], []],
    refLogProb: [[-2, -2], [-4], []],
    type: "k1",
    coef: 0.5,
  });
  expect(tokenRewards.map((list) => [...list])).toEqual([[-0.5, 1], [-1], []]);
  // Means of the responses 0.5, 3 and 0.
  expect(kl).toBeCloseTo(3.5 / 3, 6);
});

test("with coefficient 0 the scores come through unchanged", () => {
  const scores = [[0, 0.25, 1]];
  const logProbs = { oldLogProb: [[-1, -1, -1]], refLogProb: [[-9, -0.1, -1]] };
  const { tokenRewards } = applyKlToRewards({ tokenScores: scores, ...logProbs, type: "k3", coef: 0 });
  expect([...tokenRewards[0]!]).toEqual(scores[0]);
});

test("lists that do not belong together are refused", () => {
  const args = { tokenScores: [[0, 1]], oldLogProb: [[-1]], refLogProb: [[-1, -1]], coef: 1 };
  expect(() => applyKlToRewards({ ...args, type: "kl" })).toThrow("response 0 has 2 scores");
});

test("the adaptive coefficient grows above the target, falls below it, and moves by a fifth of the step at most", () => {
  const start = klControlStart(adaptive);
  expect(start).toEqual({ coef: 0.1 });
  expect(klControlNext(adaptive, start, 2, 10).coef).toBe(0.1);
  expect(klControlNext(adaptive, start, 2.2, 10).coef).toBeCloseTo(0.1 * (1 + 0.1 * 0.1), 12);
  expect(klControlNext(adaptive, start, 1e9, 10).coef).toBeCloseTo(0.1 * 1.02, 12);
  expect(klControlNext(adaptive, start, 0, 10).coef).toBeCloseTo(0.1 * 0.98, 12);
});

test("the fixed coefficient stays, and the state is plain data", () => {
  const next = klControlNext(fixed, klControlStart(fixed), 1e9, 10);
  expect(next).toEqual({ coef: 0.1 });
  expect(JSON.parse(JSON.stringify(next))).toEqual(next);
});

test("an adaptive controller without target or horizon is refused with both values; a fixed one needs neither", () => {
  expect(() => klControlStart({ ...adaptive, horizon: 0 })).toThrow(
    /target 2 .* horizon 0 .* Set both above 0/,
  );
  expect(() => klControlStart({ ...adaptive, target: 0 })).toThrow(/target 0/);
  expect(klControlStart({ ...fixed, target: 0, horizon: 0 })).toEqual({ coef: 0.1 });
});
