// Rankings and pairs of one group: order, ties, the strict margin.

import { describe, expect, test } from "vitest";

import { extremePairByReward, pairsByReward, rankByReward } from "../../../src/rl/preference/rank.ts";

const RESPONSES = ["a", "b", "c", "d"];

describe("a ranking", () => {
  test("goes from the highest reward to the lowest, and equal ones keep their order", () => {
    expect(rankByReward(RESPONSES, [0.5, 1, 0.5, 0])).toEqual([
      [1, 1],
      [0, 0.5],
      [2, 0.5],
      [3, 0],
    ]);
  });

  test("of nothing is empty", () => {
    expect(rankByReward([], [])).toEqual([]);
    expect(pairsByReward([], [], 0)).toEqual([]);
    expect(extremePairByReward([], [], 0)).toEqual([]);
  });

  test("needs finite rewards, one a response", () => {
    expect(() => rankByReward(["a", "b"], [1, Number.NaN])).toThrow(/the reward NaN.*finite number/);
    expect(() => rankByReward(["a", "b"], [1])).toThrow("2 responses have 1 rewards");
  });
});

describe("pairs", () => {
  test("are all that differ by more than the margin, with the difference", () => {
    expect(pairsByReward(RESPONSES, [0.5, 1, 0.5, 0], 0.1)).toEqual([
      ["b", "a", 0.5],
      ["b", "c", 0.5],
      ["b", "d", 1],
      ["a", "d", 0.5],
      ["c", "d", 0.5],
    ]);
  });

  test("at the margin are none, and double precision decides where rounding does", () => {
    expect(pairsByReward(["a", "b"], [0.1, 0], 0.1)).toEqual([]);
    expect(pairsByReward(["a", "b"], [0.6, 0.5], 0.1)).toEqual([]);
    expect(pairsByReward(["a", "b"], [0.4, 0.3], 0.1)).toHaveLength(1);
  });

  test("with margin 0 leave out equal rewards", () => {
    expect(pairsByReward(["a", "b", "c"], [1, 1, 0], 0)).toEqual([
      ["a", "c", 1],
      ["b", "c", 1],
    ]);
  });

  test("of extremes are the best against the worst, or none", () => {
    expect(extremePairByReward(RESPONSES, [0.5, 1, 0.5, 0], 0.1)).toEqual([["b", "d", 1]]);
    expect(extremePairByReward(RESPONSES, [1, 1, 1, 1], 0)).toEqual([]);
    expect(extremePairByReward(["a"], [1], 0)).toEqual([]);
  });
});
