// Rollout correction: bounds of weights, what is left out, and how verl's texts are read. verl's numbers are in
// advantages/golden.test.ts.

import { describe, expect, test } from "vitest";

import type { CorrectionSettings } from "../../src/rl/rollout-correction.ts";
import { correctRollouts, REJECTION_OPTIONS } from "../../src/rl/rollout-correction.ts";
import { readCorrection } from "../../src/rl/rollout-correction-settings.ts";

/** Tokens with probability ratios (old policy over sampler) 1, 4, 1/4; 2; none. */
const LOG_RATIOS = [[0, Math.log(4), -Math.log(4)], [Math.log(2)], []];
const samplerLogProb = [[-3, -3, -3], [-3], []];
const oldLogProb = LOG_RATIOS.map((row) => row.map((ratio) => ratio - 3));

const correct = (settings: CorrectionSettings) => correctRollouts({ oldLogProb, samplerLogProb, settings });
const weightsOf = (weights: CorrectionSettings["weights"] & object): number[][] =>
  correct({ weights, rejection: [] }).weights!.map((row) => [...row].map((w) => Number(w.toFixed(9))));

describe("weights", () => {
  test("of tokens are cut above and left alone below", () => {
    expect(weightsOf({ level: "token", upper: 3, normalise: false })).toEqual([[1, 3, 0.25], [2], []]);
  });

  test("with a lower bound become 0 outside", () => {
    const settings = { level: "token", lower: 0.5, upper: 3, normalise: false } as const;
    expect(weightsOf(settings)).toEqual([[1, 0, 0], [2], []]);
  });

  test("of a sequence are the product of its tokens, for each of them", () => {
    expect(weightsOf({ level: "sequence", upper: 3, normalise: false })).toEqual([[1, 1, 1], [2], []]);
  });

  test("divided by their mean have mean 1, over tokens or over responses", () => {
    const tokens = weightsOf({ level: "token", upper: 3, normalise: true }).flat();
    expect(tokens.reduce((a, b) => a + b, 0) / 4).toBeCloseTo(1, 7);
    const rows = weightsOf({ level: "sequence", upper: 3, normalise: true });
    expect((rows[0]![0]! + rows[1]![0]!) / 2).toBeCloseTo(1, 7);
  });

  test("stay finite for ratios beyond any exponent", () => {
    const settings = { weights: { level: "token", upper: 2, normalise: false }, rejection: [] } as const;
    const { weights, metrics } = correctRollouts({
      oldLogProb: [[-1, -900]],
      samplerLogProb: [[-900, -1]],
      settings,
    });
    expect(weights![0]![0]).toBe(2);
    expect(weights![0]![1]).toBeGreaterThan(0);
    expect(metrics["rollout_corr/rollout_is_max"]).toBe(2);
  });

  test("are 1 where sampler and trainer agree, and nothing is left out", () => {
    const settings = readCorrection({
      rollout_is: "token",
      rollout_is_threshold: 2,
      rollout_is_batch_normalize: false,
      rollout_rs: REJECTION_OPTIONS.join(","),
      rollout_rs_threshold: 1.001,
    })!;
    const result = correctRollouts({ oldLogProb, samplerLogProb: oldLogProb, settings });
    expect(result.weights!.map((row) => [...row])).toEqual([[1, 1, 1], [1], []]);
    expect(result.responseMask.map((row) => [...row])).toEqual([[1, 1, 1], [1], []]);
    expect(result.metrics["rollout_corr/kl"]).toBe(-0);
  });
});

describe("rejection", () => {
  const maskOf = (...rejection: CorrectionSettings["rejection"]): number[][] =>
    correct({ rejection }).responseMask.map((row) => [...row]);

  test("by tokens leaves out tokens, by sequences whole responses", () => {
    expect(maskOf({ option: "token_k2", upper: 0.5 })).toEqual([[1, 0, 0], [1], []]);
    expect(maskOf({ option: "seq_max_k2", upper: 0.5 })).toEqual([[0, 0, 0], [1], []]);
    expect(maskOf({ option: "seq_sum_k1", lower: 0.9, upper: 1.1 })).toEqual([[1, 1, 1], [0], []]);
  });

  test("by k1 bounds the inverse ratio", () => {
    expect(maskOf({ option: "token_k1", lower: 0.2, upper: 1 })).toEqual([[1, 1, 0], [1], []]);
  });

  test("by several options keeps what all keep", () => {
    const options = [
      { option: "token_k2", upper: 0.5 },
      { option: "seq_sum_k1", lower: 0.9, upper: 1.1 },
    ] as const;
    expect(maskOf(...options)).toEqual([[1, 0, 0], [0], []]);
  });
});

test("without settings the distance is measured all the same", () => {
  const { weights, responseMask, metrics } = correct({ rejection: [] });
  expect(weights).toBeUndefined();
  expect(responseMask.flatMap((row) => [...row])).toEqual([1, 1, 1, 1]);
  expect(metrics["rollout_corr/kl"]).toBeCloseTo(-Math.log(2) / 4, 7);
  expect(metrics["rollout_corr/rollout_is_mean"]).toBeUndefined();
});

test("lists that do not belong together, and batches without a token, are refused", () => {
  const settings = { rejection: [] };
  expect(() => correctRollouts({ oldLogProb, samplerLogProb: [[-1]], settings })).toThrow(
    "responses of 3,1,0",
  );
  expect(() => correctRollouts({ oldLogProb: [[]], samplerLogProb: [[]], settings })).toThrow(
    "without a token",
  );
});

describe("verl's texts", () => {
  const off = {
    rollout_is: null,
    rollout_is_threshold: 2,
    rollout_is_batch_normalize: false,
    rollout_rs: null,
    rollout_rs_threshold: null,
  };

  test("a number cuts weights, two numbers are IcePop's bounds", () => {
    expect(readCorrection({ ...off, rollout_is: "token" })).toEqual({
      weights: { level: "token", upper: 2, normalise: false },
      rejection: [],
    });
    expect(readCorrection({ ...off, rollout_is: "sequence", rollout_is_threshold: "0.5_2" })).toEqual({
      weights: { level: "sequence", lower: 0.5, upper: 2, normalise: false },
      rejection: [],
    });
  });

  test("thresholds go to their options, or one to all; a single bound of k1 works both ways", () => {
    const rs = { rollout_rs: "token_k1, seq_mean_k3,token_k1", rollout_rs_threshold: "0.5_4,0.1" };
    expect(readCorrection({ ...off, ...rs })!.rejection).toEqual([
      { option: "token_k1", lower: 0.5, upper: 4 },
      { option: "seq_mean_k3", upper: 0.1 },
    ]);
    expect(readCorrection({ ...off, ...rs, rollout_rs_threshold: 4 })!.rejection).toEqual([
      { option: "token_k1", lower: 0.25, upper: 4 },
      { option: "seq_mean_k3", upper: 4 },
    ]);
  });

  test("nothing set corrects nothing", () => {
    expect(readCorrection(off)).toBeUndefined();
    expect(readCorrection({ ...off, rollout_is: "", rollout_rs: "" })).toBeUndefined();
  });

  test.each([
    [{ rollout_is: "geometric" }, /rollout_is is "geometric".* Set it to token or sequence/],
    [{ rollout_is: "token", rollout_is_threshold: 0 }, /rollout_is_threshold is 0: one number above 0/],
    [{ rollout_is: "token", rollout_is_threshold: "2_1" }, /rollout_is_threshold is 2_1/],
    [{ rollout_is: "token", rollout_is_threshold: "1_2_3" }, /is 1_2_3/],
    [{ rollout_is: "token", rollout_is_threshold: "_2" }, /is _2/],
    [{ rollout_rs: "token_k4", rollout_rs_threshold: 1 }, /no rejection "token_k4".* Did you mean token_k/],
    [{ rollout_rs: "token_k2", rollout_rs_threshold: "0.1_1" }, /0.1_1 for token_k2, which is never below 0/],
    [{ rollout_rs: "token_k2,token_k3" }, /names 2 options and rollout_rs_threshold has 0 values/],
    [{ rollout_rs: "token_k2", rollout_rs_threshold: "1,2" }, /names 1 options .* has 2 values/],
  ])("%j is refused in a sentence", (wrong, sentence) => {
    expect(() => readCorrection({ ...off, ...wrong })).toThrow(sentence);
  });
});
