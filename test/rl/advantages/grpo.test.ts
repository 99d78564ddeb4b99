// Advantages as arithmetic: what GRPO promises for any rewards. verl's numbers are in test/node/verify-algorithms.test.ts.

import { describe, expect, test } from "vitest";

import { ADVANTAGE_ESTIMATORS, advantageEstimator } from "../../../src/rl/advantages/index.ts";
import { grpo } from "../../../src/rl/advantages/grpo.ts";

const settings = { normaliseByStd: true, epsilon: 1e-6 };

describe("GRPO", () => {
  test("gives every token of a response the response's advantage", () => {
    const result = grpo.estimate({ rewards: [1, 0], groups: [7, 7], responseLengths: [3, 1], settings });
    const scale = Math.SQRT1_2 + 1e-6;
    expect(result.map((list) => [...list])).toEqual([[0.5, 0.5, 0.5].map((a) => a / scale), [-0.5 / scale]]);
  });

  test("keeps groups apart, whatever their order", () => {
    const args = { groups: [0, 1, 0, 1], responseLengths: [1, 1, 1, 1], settings };
    const first = (rewards: number[]): number[] =>
      grpo.estimate({ ...args, rewards }).map((list) => list[0]!);
    expect(first([1, 5, 0, 5])).toEqual(first([1, 9, 0, 9]));
    expect(first([1, 5, 0, 5])[1]).toBe(0);
  });

  test("teaches nothing where all rewards are equal", () => {
    const args = { rewards: [1, 1, 1], groups: [0, 0, 0], responseLengths: [2, 2, 0], settings };
    expect(grpo.estimate(args).map((list) => [...list])).toEqual([[0, 0], [0, 0], []]);
  });

  test("keeps the reward of a group of one, and of Dr. GRPO the spread", () => {
    const args = { rewards: [0.5, 2, 0], groups: [0, 1, 1], responseLengths: [1, 1, 1] };
    const result = grpo.estimate({ ...args, settings: { ...settings, normaliseByStd: false } });
    expect(result.map((list) => list[0])).toEqual([0.5, 1, -1]);
  });

  test("refuses lists that do not belong together", () => {
    expect(() => grpo.estimate({ rewards: [1], groups: [0, 0], responseLengths: [1], settings })).toThrow(
      "1 rewards, 2 groups and 1 lengths",
    );
  });
});

test("an unknown estimator is refused with the known ones", () => {
  expect(advantageEstimator("grpo")).toBe(grpo);
  expect(() => advantageEstimator("grop")).toThrow(/no advantage estimator "grop".* Did you mean grpo\?/);
  expect(new Set(ADVANTAGE_ESTIMATORS.map(({ id }) => id)).size).toBe(ADVANTAGE_ESTIMATORS.length);
});
