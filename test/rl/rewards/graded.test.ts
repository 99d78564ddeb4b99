// The graded reward: each level, what counts as stated and as worked, and texts that are odd.

import { describe, expect, test } from "vitest";

import { gradedScore, numberIn, statedAnswer, workedAnswer } from "../../../src/rl/rewards/graded.ts";

describe("a response earns", () => {
  test.each([
    ["1 for the number after ####", "3 + 4 = 7 #### 7", "7", 1],
    ["1 without any working", "#### 7", "7", 1],
    ["1 for the number in a box", "So \\boxed{7}.", "7", 1],
    ["1 for the same number in other digits", "#### $1,072.00", "1072", 1],
    ["1 for a negative number", "#### -5", "-5", 1],
    ["1 for the last of several", "#### 6\nNo, wait. #### 7", "7", 1],
    ["1 for the text of a ground truth that is no number", "#### Paris", "Paris", 1],
    ["0.5 for the right number in no form", "The answer is 7.", "7", 0.5],
    ["0.5 for a last step that reaches it, where another number is stated", "3 + 4 = 7 #### 8", "7", 0.5],
    ["0.5 for a last step that reaches it, where nothing is stated", "3 + 4 = 7, for 2 people", "7", 0.5],
    ["0.1 for another number in the right form", "#### 8", "7", 0.1],
    ["0.1 where the step that reaches it is wrong arithmetic", "3 + 5 = 7 #### 8", "7", 0.1],
    ["0.1 where an earlier step met it by chance", "3 + 4 = 7, 7 + 1 = 8 #### 8", "7", 0.1],
    ["0.1 for a box with another number", "\\boxed{8}, or 7", "7", 0.1],
    ["0 for another number in no form", "The answer is 8.", "7", 0],
    ["0 where the number stands in the middle", "7 apples and 2 pears", "7", 0],
    ["0 for nothing", "", "7", 0],
    ["0 for a form with nothing in it", "####", "7", 0],
    ["0 for digits that only hold the number", "The answer is 17.", "7", 0],
  ])("%s", (_, response, groundTruth, score) => {
    expect(gradedScore(response, groundTruth)).toBe(score);
  });
});

describe("a step", () => {
  test.each([
    ["2 + 3 x 4 = 14", "14"],
    ["$48 / 2 = $24", "24"],
    ["<<48/2=24>>24", "24"],
    ["10 − 2.5 = 7.5", "7.5"],
    ["1,000 * 2 = 2,000", "2,000"],
    ["6 ÷ 4 = 1.5 and x = 3", "1.5"],
    ["2 + 3 = 6", undefined],
    ["x = 5", undefined],
    ["= 5", undefined],
    ["1 / 0 = 5", undefined],
    ["", undefined],
  ])("%s gives %s", (text, answer) => {
    expect(workedAnswer(text)?.replace("$", "")).toBe(answer);
  });
});

test("numbers are read as people write them", () => {
  expect(["1,072", "$5", "50%", "7.", "-.5", "−3", " 4 "].map(numberIn)).toEqual([
    1072, 5, 50, 7, -0.5, -3, 4,
  ]);
  expect(["", "abc", "1 2 x", "7 apples", "--3"].map(numberIn)).toEqual(Array(5).fill(Number.NaN));
});

test("what is stated is the last form, and a form of words counts as one", () => {
  expect(statedAnswer("\\boxed{3} #### 4")).toBe("4");
  expect(statedAnswer("####7")).toBe("7");
  expect(statedAnswer("\\boxed{\\frac{1}{2}}")).toBeUndefined();
  expect(statedAnswer("#### none of these\nbye")).toBe("none of these");
});

test.each([
  ["digits", "1".repeat(1_000_000)],
  ["sums", "1+".repeat(300_000)],
  ["signs of equality", "1=".repeat(100_000)],
  ["boxes", "\\boxed{".repeat(100_000)],
  ["white space", " ".repeat(1_000_000)],
  ["hashes", "#".repeat(1_000_000)],
  ["points and commas", "1,.".repeat(300_000)],
])("a long text of %s is judged without trouble", (_, text) => {
  const start = performance.now();
  expect(gradedScore(`${text} nothing`, "7")).toBeLessThan(1);
  expect(performance.now() - start).toBeLessThan(3000);
});
