// The GSM8K reward against verl's own scores, and the choice of a reward by data source.

import { describe, expect, test } from "vitest";

import { extractSolution, gsm8k, scoreSolution } from "../../../src/rl/rewards/gsm8k.ts";
import { REWARDS, rewardFor } from "../../../src/rl/rewards/index.ts";
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

  test("trains on the strict score and tells both accuracies", () => {
    const response = "It is 72, I think. #### 71";
    const settings = { formatScore: 0.1 };
    expect(gsm8k.score({ response, problem: problem("72"), settings })).toEqual({
      score: 0.1,
      strict: false,
      flexible: false,
    });
    expect(gsm8k.score({ response: "so 72", problem: problem("72"), settings })).toEqual({
      score: 0,
      strict: false,
      flexible: true,
    });
    expect(gsm8k.score({ response: "#### 1,072", problem: problem("1072"), settings })).toEqual({
      score: 1,
      strict: true,
      flexible: false,
    });
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

describe("the list of rewards", () => {
  test("finds a reward for every source that it names, and entries have names of their own", () => {
    for (const reward of REWARDS) {
      for (const source of reward.dataSources) expect(rewardFor(source)).toBe(reward);
    }
    expect(new Set(REWARDS.map(({ id }) => id)).size).toBe(REWARDS.length);
  });

  test("judges problems that name no source by GSM8K's rule", () => {
    expect(rewardFor("")).toBe(gsm8k);
  });

  test("refuses a source that is named and unknown, with those that are known", () => {
    expect(() => rewardFor("lighteval/MATH")).toThrow(
      /data source "lighteval\/MATH", and there is no reward.* Set data_source to one of openai\/gsm8k/,
    );
    expect(() => rewardFor("openai/gsm8")).toThrow(/Did you mean openai\/gsm8k\?/);
  });
});
