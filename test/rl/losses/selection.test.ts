// Which tokens clip_cov and kl_cov select: how many, in which order, from which micro-batch, and by which random numbers.

import { describe, expect, test } from "vitest";

import { clipCov } from "../../../src/rl/losses/clip-cov.ts";
import { klCov } from "../../../src/rl/losses/kl-cov.ts";
import type { LossToken, TokenSelection } from "../../../src/rl/losses/policy-loss.ts";
import { objectiveReference } from "../../../src/rl/losses/reference.ts";
import { randomPerToken, selectedTokens, selectionCount } from "../../../src/rl/losses/selection.ts";
import { paramsOf, part, sample } from "./batches.ts";

/** Tokens that have not moved, with these advantages and log-probabilities. */
const tokens = (...pairs: readonly (readonly [number, number])[]): LossToken[] =>
  pairs.map(([advantage, logProb]) => ({
    advantage,
    logProb,
    oldLogProb: logProb,
    samplerWeight: 1,
    length: pairs.length,
    isSelected: 0,
  }));

describe("kl_cov", () => {
  const chosen = (share: number, list: readonly LossToken[]): number[] =>
    selectedTokens(klCov.selection!, list, {}, { share, coef: 1 });

  test("selects the highest covariance of log-probability and advantage, not the highest of either", () => {
    // Means 0 and -2; covariances 2, 2.2, -1, -0.8, 0
    const list = tokens([2, -1], [-1.1, -4], [1, -3], [-0.9, -1.11], [-1, -0.89]);
    expect(chosen(0.2, list)).toEqual([0, 1, 0, 0, 0]);
    expect(chosen(0.4, list)).toEqual([1, 1, 0, 0, 0]);
  });

  test("takes the first of equals, at least one and at most all", () => {
    const equal = tokens([1, -1], [1, -1], [1, -1], [1, -1]);
    expect(chosen(0.5, equal)).toEqual([1, 1, 0, 0]);
    expect(chosen(1e-9, equal)).toEqual([1, 0, 0, 0]);
    expect(chosen(1, equal)).toEqual([1, 1, 1, 1]);
    expect(selectionCount(klCov.selection!, 9999, { share: 2e-4, coef: 1 })).toBe(1);
    expect(selectionCount(klCov.selection!, 10_000, { share: 2e-4, coef: 1 })).toBe(2);
  });
});

describe("clip_cov", () => {
  const params = { clipLow: 0.2, clipHigh: 0.2, share: 0.5, low: 0.1, high: 4 };
  // Means 0 and -2; covariances 1, 1, 1, 1
  const list = tokens([1, -1], [-1, -3], [1, -1], [-1, -3]);

  test("takes the candidates with the smallest random numbers", () => {
    expect(selectedTokens(clipCov.selection!, list, { random: [0.9, 0.2, 0.1, 0.8] }, params)).toEqual([
      0, 1, 1, 0,
    ]);
  });

  test("takes none that is out of the bounds or already clipped", () => {
    const random = [0.9, 0.2, 0.1, 0.8];
    const select = (changed: readonly LossToken[], bounds: object = {}): number[] =>
      selectedTokens(clipCov.selection!, changed, { random }, { ...params, ...bounds });
    expect(select(list, { low: 1 })).toEqual([0, 0, 0, 0]);
    expect(select(list, { high: 1 })).toEqual([0, 0, 0, 0]);
    const clipped = list.map((token, r) => (r === 2 ? { ...token, oldLogProb: -2 } : token));
    expect(select(clipped)).toEqual([0, 1, 0, 1]);
  });

  test("leaves a selected token out of the loss, and counts it", () => {
    const { policy, batch } = sample(90, 12);
    const objective = { loss: clipCov, params: paramsOf(clipCov), entropyCoef: 0 };
    const { dLogProb, tokenLoss, stats } = objectiveReference(policy, batch, objective);
    const leftOut = [...tokenLoss].flatMap((loss, r) => (loss === 0 ? [r] : []));
    expect(leftOut.length).toBe(9);
    expect(stats.clippedLow + stats.clippedHigh).toBe(9);
    for (const r of leftOut) expect(dLogProb[r]).toBe(0);
  });

  test("is refused without a random number for every token", () => {
    expect(() => selectedTokens(clipCov.selection!, list, {}, params)).toThrow("not 0");
    expect(() => selectedTokens(clipCov.selection!, list, { random: [1, 2] }, params)).toThrow("not 2");
  });
});

test("each micro-batch selects for itself, as in verl", () => {
  const whole = sample(200, 14);
  const sequences = whole.batch.sequenceStarts.length - 1;
  const objective = { loss: klCov, params: { share: 1e-4, coef: 0.5 }, entropyCoef: 0 };
  const plain = { ...objective, params: { share: 1e-4, coef: 0 } };
  const held = ({ policy, batch }: typeof whole): number => {
    const [a, b] = [objective, plain].map((one) => objectiveReference(policy, batch, one).dLogProb);
    return a!.filter((d, r) => d !== b![r]).length;
  };
  expect(held(whole)).toBe(1);
  expect(held(part(whole, 0, 2)) + held(part(whole, 2, sequences))).toBe(2);
});

describe("random numbers of tokens", () => {
  test("depend on their key alone, are exact in float32 and within 0 and 1", () => {
    const first = randomPerToken([7, 3], 1000);
    expect([...randomPerToken([7, 3], 1000)]).toEqual([...first]);
    expect([...randomPerToken([7, 4], 1000)]).not.toEqual([...first]);
    expect([...randomPerToken([8, 3], 1000)]).not.toEqual([...first]);
    expect(Math.min(...first)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...first)).toBeLessThan(1);
    expect(first.reduce((sum, x) => sum + x, 0) / 1000).toBeCloseTo(0.5, 1);
  });

  test("choose every token equally often", () => {
    const one: TokenSelection = { isRandom: true, count: () => 1, key: (_, __, random) => random };
    const list = tokens([1, -1], [1, -1], [1, -1], [1, -1]);
    const counts = [0, 0, 0, 0];
    for (let step = 0; step < 4000; step++)
      counts[selectedTokens(one, list, { random: randomPerToken([1, step], 4) }, {}).indexOf(1)]!++;
    // Four standard deviations of 4000 draws at a quarter: 110.
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(110);
  });

  test("a count that is none is a bug", () => {
    const wrong: TokenSelection = { isRandom: false, count: () => Number.NaN, key: () => 0 };
    expect(() => selectionCount(wrong, 5, {})).toThrow("would select NaN of 5 tokens");
  });
});
