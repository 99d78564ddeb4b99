// TRL's options around a policy loss: the arithmetic on single numbers, and that ratios of sequences are those of the losses that
// have them by themselves.

import { describe, expect, test } from "vitest";

import { gspo } from "../../../src/rl/losses/gspo.ts";
import { objectiveReference } from "../../../src/rl/losses/reference.ts";
import {
  offPolicyMask,
  quantile,
  sequenceLevelOld,
  sequenceRatios,
} from "../../../src/rl/losses/token-options.ts";
import { vanilla } from "../../../src/rl/losses/vanilla.ts";
import { sampleBySequence } from "./batches.ts";

describe("ratios of sequences", () => {
  const { policy, batch } = sampleBySequence(257, 3);
  const sequences = { logProb: policy.logProb, starts: batch.sequenceStarts };
  const oldLogProb = sequenceLevelOld(sequences, batch.oldLogProb);
  const window = { clipLow: 0.01, clipHigh: 0.01 };
  const plain = { entropyCoef: 0 };

  test("make the clipped loss GSPO's, gradient and all", () => {
    const level = { loss: vanilla, params: { ...window, dualClip: 1e9, delta: -1 }, ...plain };
    const ours = objectiveReference(policy, { ...batch, oldLogProb }, level);
    const wanted = objectiveReference(policy, batch, { loss: gspo, params: window, ...plain });
    expect(ours.stats.clippedLow + ours.stats.clippedHigh, "some are clipped").toBeGreaterThan(5);
    wanted.dLogProb.forEach((d, r) => expect(ours.dLogProb[r]).toBeCloseTo(d, 9));
    expect(ours.loss).toBeCloseTo(wanted.loss, 9);
  });

  test("give the same to all tokens of a sequence, and count masked ones nowhere", () => {
    const logProb = [-1, -2, -3, -4];
    const old = [-1.5, -2.1, -2, -9];
    const level = sequenceLevelOld({ logProb, starts: [0, 3, 4], mask: [1, 1, 0, 0] }, old);
    expect([...level].map((value, r) => logProb[r]! - value)).toEqual(
      [0.3, 0.3, 0.3, 0].map((x) => expect.closeTo(x, 12)),
    );
    const one = sequenceRatios({ logProb, starts: [0, 3, 4], mask: [1, 1, 0, 0] }, old);
    expect(one).toEqual([expect.closeTo(Math.exp(0.3), 12)]);
    expect(sequenceRatios({ logProb, starts: [0, 3, 4] }, "current")).toEqual([1, 1]);
  });
});

test("the off-policy mask leaves out bad sequences that have drifted, and nothing else", () => {
  const sampled = [-1, -1, -1, -1, -1, -1];
  const logProb = [-2, -1, -2, -1, -1.2, -1];
  const sequences = { logProb, starts: [0, 2, 4, 6] };
  // Means 0.5, 0.5 and 0.1.
  expect(offPolicyMask(sequences, sampled, [-1, -1, 1, 1, -1, -1], 0.4)).toEqual([0, 0, 1, 1, 1, 1]);
  expect(offPolicyMask(sequences, sampled, [-1, -1, 1, 1, -1, -1], 0.5), "at the threshold").toEqual([
    1, 1, 1, 1, 1, 1,
  ]);
  expect(offPolicyMask(sequences, sampled, [0, 0, 0, 0, 0, 0], 0.01), "without advantage").toEqual([
    1, 1, 1, 1, 1, 1,
  ]);
});

test("a quantile lies between two values, as torch.quantile's", () => {
  const values = [3, 1, 2, 10];
  expect([0, 0.5, 1].map((share) => quantile(values, share))).toEqual([1, 2.5, 10]);
  expect(quantile(values, 0.8)).toBeCloseTo(5.8, 12);
  expect(quantile([7], 0.3)).toBe(7);
  expect(() => quantile([], 0.5)).toThrow("of no numbers");
});

describe("the two-sided clip", () => {
  const at = (ratio: number, advantage: number, delta: number) =>
    objectiveReference(
      { logProb: [Math.log(ratio) - 1], entropy: [0] },
      { oldLogProb: [-1], advantage: [advantage], weight: [1], sequenceStarts: [0, 1] },
      { loss: vanilla, params: { clipLow: 0.2, clipHigh: 0.2, dualClip: 100, delta }, entropyCoef: 0 },
    );

  test("bounds what a bad token counts, and lets no gradient through beyond", () => {
    expect(at(3, -1, 4)).toMatchObject({
      loss: expect.closeTo(3, 9),
      dLogProb: Float64Array.of(at(3, -1, -1).dLogProb[0]!),
    });
    expect(at(6, -1, 4).loss).toBeCloseTo(4, 12);
    expect(at(6, -1, 4).dLogProb[0]).toBe(0);
    expect(at(6, -1, -1).dLogProb[0]).toBeCloseTo(6, 9);
    expect(at(6, 1, 4).loss, "a good token is clipped before").toBe(at(6, 1, -1).loss);
  });

  test("must be above the window", () => {
    const params = { clipLow: 0.2, clipHigh: 0.2, dualClip: 3 };
    expect(() => vanilla.check!({ ...params, delta: 1.1 })).toThrow(/two-sided clip \(gradus.delta\) is 1.1/);
    expect(() => vanilla.check!({ ...params, delta: 1.3 })).not.toThrow();
    expect(() => vanilla.check!({ ...params, delta: -1 })).not.toThrow();
  });
});
