// Ranking and pairing with the arguments of the description: graded, or scored by a function of one's own.

import { expect, test } from "vitest";

import { getPreferencePairs, rankResponses } from "../../../src/rl/preference/responses.ts";

const RESPONSES = ["2 + 3 = 5\n#### 5", "#### 6", "x = 7\n#### 7", "seven", "#### 7"];

test("responses are ranked by their grade, equal ones in their order", () => {
  expect(rankResponses(RESPONSES, "7", "openai/gsm8k")).toEqual([
    [2, 1],
    [4, 1],
    [0, 0.1],
    [1, 0.1],
    [3, 0],
  ]);
  expect(rankResponses([], "7", "")).toEqual([]);
});

test("every right response is preferred to every wrong one, with the difference", () => {
  const pairs = getPreferencePairs(RESPONSES, "7", "");
  expect(pairs).toHaveLength(6);
  expect(pairs[0]).toEqual([RESPONSES[2], RESPONSES[0], 0.9]);
  expect(getPreferencePairs(RESPONSES, "9", "")).toEqual([]);
});

test("a function of one's own is given data source, response and answer, and the margin is strict", () => {
  const SCORES: Readonly<Record<string, number>> = { right: 1, partly: 0.5, formed: 0.1, wrong: 0 };
  const calls: string[][] = [];
  const score = (...given: [string, string, string]): number => {
    calls.push(given);
    return SCORES[given[1]]!;
  };
  const levels = ["wrong", "formed", "partly", "right"];
  expect(rankResponses(levels, "7", "math_reasoning", score).map(([index]) => index)).toEqual([3, 2, 1, 0]);
  expect(calls[0]).toEqual(["math_reasoning", "wrong", "7"]);
  // 0.1 is not more than 0.1: all pairs but "formed" over "wrong".
  expect(getPreferencePairs(levels, "7", "math_reasoning", undefined, score)).toEqual([
    ["right", "partly", 0.5],
    ["right", "formed", 0.9],
    ["right", "wrong", 1],
    ["partly", "formed", 0.4],
    ["partly", "wrong", 0.5],
  ]);
  expect(getPreferencePairs(levels, "7", "math_reasoning", 0.5, score)).toEqual([
    ["right", "formed", 0.9],
    ["right", "wrong", 1],
  ]);
  expect(() => rankResponses(["?"], "7", "", () => Number.NaN)).toThrow(/the reward NaN/);
});
