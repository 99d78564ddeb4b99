// The value loss: verl's numbers, what clipping does, and its slope.

import { describe, expect, test } from "vitest";

import { judgeCase, KINDS } from "../../../src/node/verify/algorithms-cases.ts";
import { parseCases } from "../../../src/node/verify/algorithms-golden.ts";
import { reportLines, runAlgorithms } from "../../../src/node/verify/algorithms.ts";
import { valueLossReference } from "../../../src/rl/critic/value-loss.ts";
import { fixture } from "../../formats/fixtures.ts";
import { noise } from "../../harness.ts";

const FILE = "algorithms/value_loss.json";
const cases = parseCases(FILE, new TextDecoder().decode(fixture(FILE))).filter(
  ({ dtype }) => dtype === "float64",
);

test("verl's numbers are met in double precision, for every way of adding up", async () => {
  const report = await runAlgorithms(cases, undefined);
  expect(
    report.rows.flatMap(({ failed }) => failed),
    reportLines(report).join("\n"),
  ).toEqual([]);
  expect(report.rows.map((row) => row.cases)).toEqual([2, 1, 1, 1, 1]);
  for (const golden of cases)
    for (const [key, wrong] of [
      ["loss", Number(golden.outputs["loss"]) + 1e-3],
      ["grad", (golden.outputs["grad"] as number[][]).map((row) => row.map((value) => value + 1e-3))],
      ["metrics", { "critic/vf_clipfrac": 0.5 }],
    ] as const) {
      const tampered = { ...golden, outputs: { ...golden.outputs, [key]: wrong } };
      const { worst } = await judgeCase(tampered, KINDS["value_loss"]!, undefined);
      expect(worst.error, `${golden.name}: ${key}`).toBeGreaterThan(worst.tolerance);
    }
});

/** One token with old value 0, return 1 and weight 1; a value may go to 0.5. */
const token = (value: number, returns = 1) => {
  const result = valueLossReference([value], { oldValue: [0], returns: [returns], weight: [1] }, 0.5);
  return [result.loss, result.dValue[0], result.stats.clipped];
};

describe("the clip", () => {
  test("leaves a value alone that stays near its old one", () => {
    expect(token(0.25)).toEqual([0.28125, -0.75, 0]);
    expect(token(-0.25)).toEqual([0.78125, -1.25, 0]);
  });

  test("stops a value that has come nearer to the return than it may, and not one that has gone away from it", () => {
    expect(token(0.75)).toEqual([0.125, 0, 1]);
    expect(token(-0.75)).toEqual([1.53125, -1.75, 0]);
  });

  test("lets the gradient through at its bound, and gives each of two equal squares half a say", () => {
    expect(token(0.5)).toEqual([0.125, -0.5, 0]);
    // 0.75 is as far above the return as the bound is below it.
    expect(token(0.75, 0.625)).toEqual([0.5 * 0.125 ** 2, 0.5 * 0.125, 0]);
  });

  test("the slope is that of the loss", () => {
    const [values, oldValue, returns] = [noise(257, 1), noise(257, 2), noise(257, 3)];
    const batch = { oldValue, returns, weight: noise(257, 4).map(Math.abs) };
    const { dValue, stats } = valueLossReference(values, batch, 0.3);
    expect(stats.clipped).toBeGreaterThan(20);
    const step = 1e-6;
    const loss = (by: number): number =>
      valueLossReference(
        Array.from(values, (value, r) => value + by * Math.sin(r)),
        batch,
        0.3,
      ).loss;
    const slope = dValue.reduce((sum, d, r) => sum + d * Math.sin(r), 0);
    expect((loss(step) - loss(-step)) / (2 * step)).toBeCloseTo(slope, 5);
  });
});
