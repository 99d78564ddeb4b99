// Dynamic sampling as arithmetic: which groups differ within, to numpy's last bit, and when more prompts are sampled. verl's
// cases are in advantages/golden.test.ts.

import { describe, expect, test } from "vitest";

import { configWith } from "../../src/rl/config.ts";
import { FILTER_METRICS, filterGroups, needsMoreGroups, numpyStd } from "../../src/rl/filter-groups.ts";

describe("filterGroups", () => {
  test("keeps groups that differ within, whatever the order of the responses", () => {
    expect(filterGroups([1, 0, 1, 1, 0, 0], [5, 8, 5, 8, 2, 2], "float64")).toEqual([8]);
  });

  test("keeps a group of one", () => {
    expect(filterGroups([1, 0], [3, 4], "float64")).toEqual([3, 4]);
  });

  test("takes three float64 rewards of 0.1 for different, as numpy does, and three float32 ones for equal", () => {
    const tenths = [0.1, 0.1, 0.1];
    expect(filterGroups(tenths, [0, 0, 0], "float64")).toEqual([0]);
    expect(filterGroups(tenths, [0, 0, 0], "float32")).toEqual([]);
    expect(filterGroups([...tenths, 0.1, 0.1, 0.1, 0.1, 0.1], Array(8).fill(0), "float64")).toEqual([]);
  });

  test("refuses lists that do not belong together", () => {
    expect(() => filterGroups([1], [0, 0], "float64")).toThrow("1 metrics and 2 groups");
  });
});

/** Many different numbers without a generator: n -> the fraction of n times the golden ratio. */
const numbers = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => (i * 0.6180339887498949) % 1);

// From numpy 2.4 on the same lists.
test.each([
  [7, "float64", 0.3005343786590868],
  [9, "float64", 0.314757303333053],
  [128, "float64", 0.2891824082527225],
  [300, "float64", 0.2891825051945043],
  [9, "float32", 0.3147572875022888],
  [300, "float32", 0.28918248414993286],
] as const)("numpyStd of %i numbers in %s is numpy's to the bit", (count, precision, wanted) => {
  expect(numpyStd(numbers(count), precision)).toBe(wanted);
});

describe("needsMoreGroups", () => {
  const count = { kept: 3, wanted: 4, batches: 2, maxBatches: 3 };

  test("asks until the step is full", () => {
    expect(needsMoreGroups(count)).toBe(true);
    expect(needsMoreGroups({ ...count, kept: 4 })).toBe(false);
    expect(needsMoreGroups({ ...count, kept: 9, batches: 3 })).toBe(false);
  });

  test("gives up at the limit, with the numbers and what to do", () => {
    expect(() => needsMoreGroups({ ...count, batches: 3 })).toThrow(
      /After 3 rounds of sampling, 3 of 4 groups .* Allow more rounds/,
    );
  });

  test("has no limit when that is 0 or below", () => {
    expect(needsMoreGroups({ ...count, batches: 1000, maxBatches: 0 })).toBe(true);
    expect(needsMoreGroups({ ...count, batches: 1000, maxBatches: -1 })).toBe(true);
  });
});

describe("what groups are judged by", () => {
  const metric = (id: string) => FILTER_METRICS.find((entry) => entry.id === id)!;
  const judged = (...ids: readonly string[]) => ({
    reward: { score: 0.75, strict: false, flexible: true },
    components: ids.map((id) => ({ id, score: 0.5, weight: 2 })),
  });

  test("is the reward without or with the penalty for length", () => {
    const values = ["score", "seq_reward", "seq_final_reward"].map((id) =>
      metric(id).valueOf(judged("length")),
    );
    expect(values).toEqual([1, 0.75, 0.75]);
  });

  test("or whether the answer is right by the rule that is on, and the reward where no such rule is", () => {
    const acc = (...ids: readonly string[]): number => metric("acc").valueOf(judged(...ids));
    expect(acc("gsm8k", "graded")).toBe(0);
    expect(acc("gsm8k_flexible")).toBe(1);
    expect(acc("length", "graded")).toBe(1);
    expect(acc("custom")).toBe(1);
    expect(acc("custom", "length")).toBe(2);
  });

  test("cannot be the reward after KL where KL is in the reward", () => {
    const values = {
      "algorithm.filter_groups.enable": true,
      "algorithm.filter_groups.metric": "seq_final_reward",
    };
    expect(configWith(values)["algorithm.filter_groups.metric"]).toBe("seq_final_reward");
    expect(() => configWith({ ...values, "algorithm.use_kl_in_reward": true })).toThrow(
      /no group would be left out. Judge groups by seq_reward or acc/,
    );
  });
});
