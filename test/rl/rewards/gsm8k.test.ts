// The GSM8K rewards against verl's own scores.

import { describe, expect, test } from "vitest";

import { gsm8kFlexible } from "../../../src/rl/rewards/gsm8k-flexible.ts";
import { answerMatches, extractSolution, gsm8k, scoreSolution } from "../../../src/rl/rewards/gsm8k.ts";
import { fixtureJson } from "../../formats/fixtures.ts";

interface Judged {
  readonly answer: string | null;
  readonly score: number;
  readonly "score_with_format_0.1": number;
}
interface Case {
  readonly id: number;
  readonly tag: string;
  readonly solution_str: string;
  readonly ground_truth: string;
  readonly strict: Judged;
  readonly flexible: Judged;
}
const { cases } = fixtureJson("algorithms/gsm8k_score.json") as { cases: Case[] };

const problem = (groundTruth: string) => ({ groundTruth, dataSource: "openai/gsm8k", extraInfo: {} });

describe("the GSM8K reward", () => {
  test("there are verl's cases to compare with", () => {
    expect(cases.length).toBe(154);
  });

  test.each(cases)("scores case $id ($tag) as verl does", (golden) => {
    const { solution_str: text, ground_truth: truth } = golden;
    for (const method of ["strict", "flexible"] as const) {
      const wanted = golden[method];
      expect(extractSolution(text, method) ?? null, `${method} answer`).toBe(wanted.answer);
      expect(scoreSolution(text, truth, method, 0), `${method} score`).toBe(wanted.score);
      expect(scoreSolution(text, truth, method, 0.1)).toBe(wanted["score_with_format_0.1"]);
    }
  });

  test("tells both accuracies, whatever the score", () => {
    const settings = { formatScore: 0.1, maxLength: 8, ownFunction: "", ownFunctionMs: 1000 };
    const judged = (response: string, groundTruth: string): unknown[] => {
      const args = { response, tokens: 3, problem: problem(groundTruth) };
      const { strict, flexible } = answerMatches(response, groundTruth);
      return [gsm8k.score(args, settings), gsm8kFlexible.score(args, settings), strict, flexible];
    };
    expect(judged("It is 72, I think. #### 71", "72")).toEqual([0.1, 0.1, false, false]);
    expect(judged("so 72", "72")).toEqual([0, 1, false, true]);
    expect(judged("#### 1,072", "1072")).toEqual([1, 0.1, true, false]);
    expect(judged("I do not know", "1072")).toEqual([0, 0, false, false]);
  });

  test("counts the window in characters as people see code points, not in UTF-16 units", () => {
    const answer = "#### 5";
    expect(extractSolution(answer + "😀".repeat(294), "strict")).toBe("5");
    expect(extractSolution(answer + "😀".repeat(295), "strict")).toBeUndefined();
  });

  test("takes a very long response without trouble", () => {
    expect(extractSolution(`${"1".repeat(2_000_000)} #### 3`, "strict")).toBe("3");
  });
});
