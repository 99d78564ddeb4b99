// Two evaluations compared: flips, and the interval of the difference against published and hand-made cases.

import { describe, expect, test } from "vitest";

import { compared, difference } from "../../src/ui/before-after.ts";
import type { Evaluation } from "../../src/worker/api.ts";

const Z = 1.959964;

/** The Wilson interval of `right` of `n`. */
function wilson(right: number, n: number): Evaluation["strict"] {
  const mean = right / n;
  const centre = (mean + (Z * Z) / (2 * n)) / (1 + (Z * Z) / n);
  const half = (Z * Math.sqrt((mean * (1 - mean)) / n + (Z * Z) / (4 * n * n))) / (1 + (Z * Z) / n);
  return { mean, low: centre - half, high: centre + half };
}

/** An evaluation whose verdicts are the letters of `verdicts`: r right, w wrong. */
function evaluation(step: number, verdicts: string): Evaluation {
  const samples = verdicts.split("").map((verdict, index) => ({
    question: `Problem ${index}`,
    groundTruth: "7",
    response: "#### 7",
    isStrict: verdict === "r",
    isFlexible: verdict === "r",
  }));
  const accuracy = wilson(samples.filter(({ isStrict }) => isStrict).length, samples.length);
  return { step, n: samples.length, strict: accuracy, flexible: accuracy, responseLength: 2, samples };
}

describe("before and after", () => {
  test("every problem is counted once, by how its verdict changed", () => {
    const result = compared(evaluation(0, "wwwrr"), evaluation(9, "rrwwr"))!;
    expect(result.toRight.map(({ after }) => after.question)).toEqual(["Problem 0", "Problem 1"]);
    expect(result.toWrong.map(({ before }) => before.question)).toEqual(["Problem 3"]);
    expect([result.stayedRight, result.stayedWrong]).toEqual([1, 1]);
  });

  test("other problems, or none, cannot be compared", () => {
    const five = evaluation(0, "wwwrr");
    expect(compared(five, evaluation(9, "wwwr"))).toBeUndefined();
    const other = { ...five, samples: five.samples.map((s) => ({ ...s, question: `${s.question}?` })) };
    expect(compared(five, other)).toBeUndefined();
    expect(compared({ ...five, samples: [] }, { ...five, samples: [] })).toBeUndefined();
  });

  test("unpaired accuracies give Newcombe's interval: 56/70 and 48/80 differ by 0.0524 to 0.3339", () => {
    const without = (right: number, n: number): Evaluation => ({
      ...evaluation(0, ""),
      strict: wilson(right, n),
    });
    const { mean, low, high } = difference(without(48, 80), without(56, 70));
    expect(mean).toBeCloseTo(0.2, 12);
    expect(low).toBeCloseTo(0.0524, 4);
    expect(high).toBeCloseTo(0.3339, 4);
  });

  test("problems that agree make the same difference surer", () => {
    const paired = difference(
      evaluation(0, "w".repeat(12) + "r".repeat(8)),
      evaluation(9, "w".repeat(8) + "r".repeat(12)),
    );
    const crossed = difference(
      evaluation(0, "w".repeat(12) + "r".repeat(8)),
      evaluation(9, "r".repeat(12) + "w".repeat(8)),
    );
    expect(paired.mean).toBeCloseTo(crossed.mean, 12);
    expect(paired.high - paired.low).toBeLessThan(crossed.high - crossed.low);
  });

  test("the same evaluation twice differs by nothing", () => {
    const same = evaluation(0, "wrwrwr");
    const { mean, low, high } = difference(same, same);
    expect(mean).toBe(0);
    expect(low).toBeLessThanOrEqual(0);
    expect(high).toBeGreaterThanOrEqual(0);
  });
});
