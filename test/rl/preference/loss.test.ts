// The loss of preference pairs: golden numbers, and its derivative against finite differences.

import { describe, expect, test } from "vitest";

import { judgeCase, KINDS } from "../../../src/node/verify/algorithms-cases.ts";
import { parseCases } from "../../../src/node/verify/algorithms-golden.ts";
import { reportLines, runAlgorithms } from "../../../src/node/verify/algorithms.ts";
import type { PairLoss, PreferenceBatch, ResponseLogProb } from "../../../src/rl/preference/loss.ts";
import { preferenceLoss, responseLogProb, tokenSlope } from "../../../src/rl/preference/loss.ts";
import { fixture } from "../../formats/fixtures.ts";

const FILE = "preference/golden.json";
/** As the loss is without further settings. */
const DPO = { loss: "sigmoid", labelSmoothing: 0 } as const;

const cases = parseCases(FILE, new TextDecoder().decode(fixture(FILE)));

test("golden numbers are met in double precision", async () => {
  const report = await runAlgorithms(cases, undefined);
  expect(
    report.rows.flatMap(({ failed }) => failed),
    reportLines(report).join("\n"),
  ).toEqual([]);
  expect(report.rows.reduce((sum, row) => sum + row.cases, 0)).toBe(20);
});

test("a golden number that is a little off is told", async () => {
  const golden = cases[0]!;
  const passed: string[] = [];
  const { metrics } = golden.outputs as { metrics: Record<string, number> };
  const wrong: Record<string, object> = {
    loss: { loss: Number(golden.outputs["loss"]) + 1e-6 },
    grad: { grad: (golden.outputs["grad"] as number[][]).map((row) => row.map((value) => value * 1.001)) },
    pairs: { pairs: (golden.outputs["pairs"] as number[][]).slice(1) },
    ...Object.fromEntries(
      Object.keys(metrics).map((key) => [key, { metrics: { ...metrics, [key]: metrics[key]! + 1e-3 } }]),
    ),
  };
  expect(Object.keys(wrong)).toHaveLength(6);
  for (const [what, outputs] of Object.entries(wrong)) {
    const { worst } = await judgeCase(
      { ...golden, outputs: { ...golden.outputs, ...outputs } },
      KINDS["preference"]!,
      undefined,
    );
    if (worst.error <= worst.tolerance) passed.push(what);
  }
  expect(passed).toEqual([]);
});

describe("the derivative", () => {
  const PLAIN: PreferenceBatch = {
    scores: [-3, -7.5, 2, 0.25],
    pairs: [
      [0, 1],
      [0, 2],
      [3, 2],
      [1, 3],
    ],
    beta: 0.3,
    ...DPO,
  };

  const LOSSES: [PairLoss, number][] = [
    ["sigmoid", 0],
    ["sigmoid", 0.2],
    ["sigmoid", 0.5],
    ["hinge", 0],
    ["ipo", 0],
  ];

  test.each(LOSSES)(
    "of %s, smoothed by %d, is that of finite differences, and sums to 0",
    (loss, labelSmoothing) => {
      const batch = { ...PLAIN, loss, labelSmoothing };
      const { dScore } = preferenceLoss(batch);
      const h = 1e-5;
      dScore.forEach((slope, i) => {
        const moved = (by: number): number =>
          preferenceLoss({ ...batch, scores: Array.from(batch.scores, (s, j) => (i === j ? s + by : s)) })
            .loss;
        // The error of central differences is h^2, and rounding adds 1e-16 / h times the loss, which is about 50 with ipo.
        expect(Math.abs((moved(h) - moved(-h)) / (2 * h) - slope)).toBeLessThan(1e-9);
      });
      expect(dScore.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 13);
    },
  );

  test.each<ResponseLogProb>(["sum", "mean"])("reaches the tokens of a response by its %s", (by) => {
    const logProb = [-0.5, -1.25, -2, -0.125];
    const h = 2 ** -10;
    logProb.forEach((_, t) => {
      const moved = responseLogProb(
        logProb.map((value, u) => (u === t ? value + h : value)),
        by,
      );
      expect((moved - responseLogProb(logProb, by)) / h).toBe(tokenSlope(4, by));
    });
  });

  test("and the loss stay finite for scores far apart", () => {
    const far = (chosen: number, rejected: number) =>
      preferenceLoss({ scores: [chosen, rejected], pairs: [[0, 1]], beta: 1, ...DPO });
    expect(far(-5000, 0)).toMatchObject({ loss: 5000, accuracy: 0, margin: -5000 });
    expect([...far(-5000, 0).dScore]).toEqual([-1, 1]);
    expect(far(0, -5000).loss).toBe(0);
    expect(Math.abs(far(0, -5000).dScore[0]!)).toBe(0);
  });
});

test("without pairs the loss is 0, teaches nothing, and has no accuracy", () => {
  const { loss, dScore, accuracy, margin } = preferenceLoss({ scores: [1, 2], pairs: [], beta: 1, ...DPO });
  expect([loss, ...dScore]).toEqual([0, 0, 0]);
  expect([accuracy, margin]).toEqual([Number.NaN, Number.NaN]);
});

test("an undecided pair costs log 2 and is not counted as right", () => {
  const { loss, accuracy } = preferenceLoss({ scores: [4, 4], pairs: [[0, 1]], beta: 0.1, ...DPO });
  expect(loss).toBeCloseTo(Math.LN2, 15);
  expect(accuracy).toBe(0);
});

describe("other losses", () => {
  const lossOf = (margin: number, how: Partial<PreferenceBatch>): number =>
    preferenceLoss({ scores: [margin, 0], pairs: [[0, 1]], beta: 0.5, ...DPO, ...how }).loss;

  test("smoothing mixes in the pair the wrong way round", () => {
    const [right, wrong] = [Math.log1p(Math.exp(-1)), Math.log1p(Math.exp(1))];
    expect(lossOf(2, { labelSmoothing: 0.1 })).toBeCloseTo(0.9 * right + 0.1 * wrong, 14);
  });

  test("the hinge ends at 1 / beta, and IPO is least at 1 / (2 beta)", () => {
    expect([0, 1, 2, 3].map((margin) => lossOf(margin, { loss: "hinge" }))).toEqual([1, 0.5, 0, 0]);
    expect([0, 1, 2].map((margin) => lossOf(margin, { loss: "ipo" }))).toEqual([1, 0, 1]);
  });
});
