// Learning-rate schedules: the warm-up convention, and equality with Hugging Face's and verl's formulas after it.

import { describe, expect, test } from "vitest";
import type { ScheduleOptions } from "../../src/optim/schedule.ts";
import { learningRate, SCHEDULES } from "../../src/optim/schedule.ts";

const OPTIONS: ScheduleOptions = {
  baseLr: 2e-5,
  warmupSteps: 10,
  totalSteps: 110,
  schedule: "cosine",
  minLrRatio: 0.1,
};

/** verl's lr_lambda at its counter `k` (0 at the first step), for cosine; Hugging Face's linear has no minimum. */
function verlLambda(k: number, { schedule, warmupSteps, totalSteps, minLrRatio }: ScheduleOptions): number {
  if (k < warmupSteps) return k / warmupSteps;
  if (schedule === "constant") return 1;
  if (schedule === "linear") return Math.max(0, (totalSteps - k) / Math.max(1, totalSteps - warmupSteps));
  const progress = (k - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
  return Math.max(minLrRatio, Math.cos(Math.PI * progress) * (1 - minLrRatio) * 0.5 + (1 + minLrRatio) * 0.5);
}

describe("the learning rate", () => {
  test.each(SCHEDULES)(
    "%s: rises linearly and reaches the base rate at the last warm-up step",
    (schedule) => {
      const options = { ...OPTIONS, schedule };
      for (let step = 1; step <= 10; step++)
        expect(learningRate(step, options)).toBeCloseTo((2e-5 * step) / 10, 12);
      expect(learningRate(10, options)).toBe(2e-5);
      expect(learningRate(11, options)).toBe(2e-5);
    },
  );

  test.each(SCHEDULES)("%s: equals the formulas of Hugging Face and verl after the warm-up", (schedule) => {
    for (const warmupSteps of [0, 10]) {
      const options = { ...OPTIONS, schedule, warmupSteps, minLrRatio: schedule === "linear" ? 0 : 0.1 };
      for (let step = warmupSteps + 1; step <= 110; step++) {
        expect(learningRate(step, options) / 2e-5, `step ${step}`).toBeCloseTo(
          verlLambda(step - 1, options),
          12,
        );
      }
    }
  });

  test("stays at the minimum after the last step, and never falls below it", () => {
    for (const schedule of ["cosine", "linear"] as const) {
      expect(learningRate(111, { ...OPTIONS, schedule })).toBeCloseTo(2e-6, 15);
      expect(learningRate(500, { ...OPTIONS, schedule })).toBeCloseTo(2e-6, 15);
      for (let step = 12; step <= 120; step++) {
        const rate = learningRate(step, { ...OPTIONS, schedule });
        expect(rate).toBeLessThanOrEqual(learningRate(step - 1, { ...OPTIONS, schedule }));
        expect(rate).toBeGreaterThanOrEqual(2e-6 * (1 - 1e-12));
      }
    }
  });

  test("without warm-up the first step has the base rate, even where there is only one step", () => {
    for (const schedule of SCHEDULES) {
      expect(learningRate(1, { ...OPTIONS, schedule, warmupSteps: 0, totalSteps: 1 })).toBe(2e-5);
    }
  });

  test("a warm-up as long as the run, or longer, never divides by zero", () => {
    expect(learningRate(10, { ...OPTIONS, totalSteps: 10 })).toBe(2e-5);
    expect(learningRate(12, { ...OPTIONS, totalSteps: 10 })).toBeCloseTo(2e-6, 15);
    expect(learningRate(5, { ...OPTIONS, totalSteps: 5 })).toBeCloseTo(1e-5, 15);
  });

  test("there is no step 0", () => {
    expect(() => learningRate(0, OPTIONS)).toThrow("from 1 on, not 0");
  });
});
