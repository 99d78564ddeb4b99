// From history to charts: which lines there are, how they are smoothed, and where axes end.

import { describe, expect, test } from "vitest";

import { STEP, VAL_FLEXIBLE, VAL_HIGH, VAL_LOW, VAL_STRICT } from "../../src/rl/metrics.ts";
import {
  chartModel,
  type ChartModel,
  chartsOf,
  isLong,
  lastOf,
  modeOf,
  niceAbove,
  rowsOf,
  smoothed,
  spreadOver,
  stepAxisEnd,
  valueAt,
  valueAxis,
} from "../../src/ui/chart-data.ts";
import type { Evaluation } from "../../src/worker/api.ts";

const evaluation = (step: number, mean: number): Evaluation => ({
  step,
  n: 10,
  strict: { mean, low: mean - 0.1, high: mean + 0.1 },
  flexible: { mean: mean + 0.05, low: mean, high: mean + 0.1 },
  responseLength: 12,
  samples: [],
});

describe("charts of a run", () => {
  test("a run of reinforcement learning has no chart of supervised fine-tuning, and the other way round", () => {
    const ids = (mode: "rl" | "sft") => chartsOf(mode).map(({ id }) => id);
    expect(ids("rl")).not.toContain("sftLoss");
    expect(ids("rl")).toContain("entropy");
    const dpo = chartsOf(modeOf("dpo")).map(({ id }) => id);
    expect(dpo).toEqual(expect.arrayContaining(["accuracy", "reward", "loss", "kl"]));
    expect(dpo.filter((id) => ["clip", "length", "sftLoss"].includes(id))).toEqual([]);
    expect([modeOf("preference"), modeOf(undefined)]).toEqual(["rl", "rl"]);
    expect(ids("sft")).toEqual(["accuracy", "sftLoss", "gradNorm", "throughput"]);
  });

  test("a run with a critic has charts of it, and no other", () => {
    const ids = (row: object) => chartsOf("rl", [{ [STEP]: 1, ...row }]).map(({ id }) => id);
    const added = ids({ "critic/vf_loss": 0.1 }).filter((id) => !ids({}).includes(id));
    expect(added).toEqual(["valueLoss", "explainedVar"]);
    expect(ids({})).toEqual(chartsOf("rl").map(({ id }) => id));
  });

  test("evaluations stand in the rows even where the history does not tell them", () => {
    const rows = rowsOf([{ [STEP]: 1, "actor/entropy": 0.5 }], [evaluation(0, 0.2)]);
    expect(rows.map((row) => row[STEP])).toEqual([0, 1]);
    expect(rows[0]).toMatchObject({ [VAL_STRICT]: 0.2, [VAL_FLEXIBLE]: 0.25, [VAL_LOW]: 0.1 });
  });

  test("a number of the history goes before the same number of an evaluation", () => {
    const rows = rowsOf([{ [STEP]: 0, [VAL_STRICT]: 0.3 }], [evaluation(0, 0.2)]);
    expect(rows).toHaveLength(1);
    expect(rows[0]![VAL_STRICT]).toBe(0.3);
  });

  test("one step is one point", () => {
    const model = chartModel("entropy", [{ [STEP]: 1, "actor/entropy": 0.5 }], 60, 0);
    expect(model.points).toBe(1);
    expect(model.series[0]!.values).toEqual([0.5]);
  });

  test("a value that is not finite is a gap, and a metric without values has no line", () => {
    const rows = [
      { [STEP]: 1, "actor/ppo_kl": Number.NaN },
      { [STEP]: 2, "actor/ppo_kl": 0.1 },
    ];
    const model = chartModel("kl", rows, 60, 0);
    expect(model.series.map(({ metric }) => metric.key)).toEqual(["actor/ppo_kl"]);
    expect(model.series[0]!.values).toEqual([null, 0.1]);
    expect(model.points).toBe(1);
  });

  test("the accuracy has its interval and is never smoothed; other lines keep what was measured beside it", () => {
    const rows = rowsOf(
      [
        { [STEP]: 1, "actor/entropy": 1 },
        { [STEP]: 2, "actor/entropy": 0 },
      ],
      [evaluation(0, 0.2), evaluation(2, 0.6)],
    );
    const accuracy = chartModel("accuracy", rows, 60, 0.9);
    expect(accuracy.series[0]!.values).toEqual([0.2, null, 0.6]);
    expect(accuracy.band?.high).toEqual([rows[0]![VAL_HIGH], null, rows[2]![VAL_HIGH]]);
    const entropy = chartModel("entropy", rows, 60, 0.9);
    expect(entropy.series[0]!.raw).toEqual([null, 1, 0]);
    expect(entropy.series[0]!.values[2]).toBeGreaterThan(0.4);
    expect(entropy.band).toBeUndefined();
  });
});

describe("smoothing", () => {
  test("weight 0 changes nothing", () => {
    expect(smoothed([3, null, -1], 0)).toEqual([3, null, -1]);
  });

  test("a level line stays level from its first value on, over gaps too", () => {
    for (const value of smoothed([2, 2, null, 2], 0.9)) if (value !== null) expect(value).toBeCloseTo(2, 12);
  });

  test("the second value weighs 1 / (1 + weight)", () => {
    expect(smoothed([0, 1], 0.5)[1]).toBeCloseTo(1 / 1.5, 12);
  });
});

describe("axes", () => {
  test.each([
    [0.9, 1],
    [1, 1],
    [1.2, 2],
    [4.5, 5],
    [61, 80],
    [0.00031, 0.0004],
  ])("the round number above %d is %d", (value, nice) => {
    expect(niceAbove(value)).toBeCloseTo(nice, 12);
  });

  test("the step axis grows in jumps, holds the newest step and ends with the run", () => {
    expect(stepAxisEnd(0, 60)).toBe(5);
    expect(stepAxisEnd(0, 2)).toBe(2);
    expect(stepAxisEnd(29, 60)).toBe(40);
    expect(stepAxisEnd(30, 60)).toBe(40);
    expect(stepAxisEnd(60, 60)).toBe(60);
    expect(stepAxisEnd(70, 60)).toBe(70);
  });

  test("values that are never negative begin at 0, and a share ends at 1", () => {
    expect(valueAxis([0.3, null, 0.7], false)).toEqual([0, 0.8]);
    expect(valueAxis([0.99, 1], true)).toEqual([0, 1]);
    expect(valueAxis([0.002], true)).toEqual([0, 0.1]);
  });

  test("values of both signs have room on both sides of 0", () => {
    const [low, high] = valueAxis([-0.001, 0.04], false);
    expect(low).toBeLessThan(-0.001);
    expect(high).toBe(0.04);
  });

  test("without values, or with zeros alone, there is still an axis", () => {
    expect(valueAxis([], false)).toEqual([0, 1]);
    expect(valueAxis([0, 0], true)).toEqual([0, 0.1]);
  });
});

describe("reading a line", () => {
  test("a line is named among others, and long names take two lines of text", () => {
    const norm = { [STEP]: 1, "actor/grad_norm": 2 };
    const namesOf = (model: ChartModel): string[] => model.series.map(({ name }) => name);
    expect(namesOf(chartModel("gradNorm", [norm], 60, 0))).toEqual([""]);
    expect(namesOf(chartModel("gradNorm", [{ ...norm, "critic/grad_norm": 1 }], 60, 0))).toEqual([
      "policy",
      "critic",
    ]);
    const pair = { [STEP]: 1, "rewards/chosen": 1, "rewards/rejected": 0, "rewards/margins": 1 };
    expect(isLong(chartModel("reward", [pair], 60, 0))).toBe(true);
    expect(isLong(chartModel("gradNorm", [norm], 60, 0))).toBe(false);
  });

  test("the newest value is told with its step", () => {
    expect(lastOf([0, 5, 6], [0.1, 0.2, null])).toEqual({ step: 5, value: 0.2 });
    expect(lastOf([0], [null])).toBeUndefined();
  });

  test("between two values the earlier one holds", () => {
    expect(valueAt([0.1, null, null, 0.4], 2)).toBe(0.1);
    expect(valueAt([null, 1], 0)).toBeUndefined();
  });

  test("a table has the first and the last row, each row once", () => {
    expect(spreadOver(3, 12)).toEqual([0, 1, 2]);
    const rows = spreadOver(60, 12);
    expect([rows.length, rows[0], rows.at(-1)]).toEqual([12, 0, 59]);
    expect(new Set(rows).size).toBe(12);
  });
});
