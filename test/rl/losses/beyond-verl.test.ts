// Losses that verl does not have, those of TRL and of users' guides, held by what their papers say of them.

import { describe, expect, test } from "vitest";

import { cispoCap } from "../../../src/rl/losses/cispo-cap.ts";
import { gspo } from "../../../src/rl/losses/gspo.ts";
import { luspo } from "../../../src/rl/losses/luspo.ts";
import type { LossToken } from "../../../src/rl/losses/policy-loss.ts";
import { objectiveReference } from "../../../src/rl/losses/reference.ts";
import { sapoMin } from "../../../src/rl/losses/sapo-min.ts";
import { sapo } from "../../../src/rl/losses/sapo.ts";
import { vespo } from "../../../src/rl/losses/vespo.ts";
import { expectClose } from "../../harness.ts";
import type { Sample } from "./batches.ts";
import { paramsOf, sampleBySequence } from "./batches.ts";

/** A token as it looks at an advantage and a log-ratio, alone in its sequence. */
const token = (advantage: number, x: number): LossToken => ({
  logProb: -1 + x,
  oldLogProb: -1,
  advantage,
  samplerWeight: 1,
  length: 1,
  isSelected: 0,
});

const gradient = ({ policy, batch }: Sample): Float64Array =>
  objectiveReference(policy, batch, { loss: vespo, params: paramsOf(vespo), entropyCoef: 0 }).dLogProb;

describe("losses that verl does not have", () => {
  test("LUSPO is GSPO with every response weighed by its length", () => {
    const { policy, batch } = sampleBySequence(90, 6);
    const starts = Array.from(batch.sequenceStarts);
    const lengthAt = (r: number): number => {
      const s = starts.findLastIndex((start) => start <= r);
      return starts[s + 1]! - starts[s]!;
    };
    const longer = { ...batch, weight: batch.weight.map((weight, r) => weight * lengthAt(r)) };
    const params = { clipLow: 0.03, clipHigh: 0.04 };
    const [a, b] = [
      objectiveReference(policy, batch, { loss: luspo, params, entropyCoef: 0 }),
      objectiveReference(policy, longer, { loss: gspo, params, entropyCoef: 0 }),
    ];
    // The weights of luspo are those of seq-mean-token-sum: gspo's, times the length.
    expect([luspo.aggregation, gspo.aggregation]).toEqual(["seq-mean-token-sum", "seq-mean-token-mean"]);
    expectClose(
      a.dLogProb,
      b.dLogProb.map((d, r) => d / lengthAt(r)),
      { rtol: 1e-6, atol: 0 },
    );
    expect(a.stats.clippedHigh + a.stats.clippedLow).toBeGreaterThan(0);
  });

  test("VESPO weighs a response 1 where nothing has changed, and least far from there", () => {
    const params = { kPos: 2, lambdaPos: 3, kNeg: 3, lambdaNeg: 2 };
    const weight = (advantage: number, x: number, length = 1): number =>
      -vespo.tokenLoss({ ...token(advantage, x), length }, [x], params).dLogProb / advantage;
    expect(weight(1, 0)).toBe(1);
    expect(weight(-1, 0)).toBe(1);
    // exp(l) W^k exp(-l W) at W = e^0.4 = 1.4918, of the whole response: 4 tokens of 0.1
    expect(weight(1, 0.1, 4)).toBeCloseTo(1.491825 ** 2 * Math.exp(3 * (1 - 1.491825)), 5);
    expect(weight(-1, 0.1, 4)).toBeCloseTo(1.491825 ** 3 * Math.exp(2 * (1 - 1.491825)), 5);
    // The top of the hump is at W = k / l: below 1 for good responses, above 1 for bad ones.
    expect(weight(1, Math.log(2 / 3))).toBeGreaterThan(weight(1, 0));
    expect(weight(-1, Math.log(3 / 2))).toBeGreaterThan(weight(-1, 0));
    expect(weight(1, 5)).toBeLessThan(1e-100);
    // W is at least 1e-8: a vanished response keeps a weight that is small, not 0.
    expect(weight(1, -20, 40)).toBeCloseTo(1e-16 * Math.exp(3), 20);
  });

  test("VESPO takes the weight for the sampler into the ratio of the response", () => {
    const params = { kPos: 2, lambdaPos: 3, kNeg: 3, lambdaNeg: 2 };
    expect(vespo.sequenceTerm!({ ...token(1, 0.2), samplerWeight: Math.exp(0.1) }, params)[0]).toBeCloseTo(
      0.3,
      12,
    );
    expect(vespo.sequenceTerm!({ ...token(1, 0.2), samplerWeight: 0 }, params)[0]).toBeCloseTo(
      0.2 + Math.log(1e-8),
      9,
    );
    const whole = sampleBySequence(30, 8);
    const none = { ...whole.batch, samplerWeight: whole.batch.weight.map(() => 1) };
    const same = gradient({ ...whole, batch: none });
    expect([...gradient(whole)]).not.toEqual([...same]);
  });

  test("the cap of cispo_cap is the largest weight itself, for both signs and without a lower bound", () => {
    const weight = (advantage: number, x: number): number =>
      -cispoCap.tokenLoss(token(advantage, x), [], { cap: 5 }).dLogProb / advantage;
    expect(weight(1, 3)).toBe(5);
    expect(weight(-2, 3)).toBe(5);
    expect(weight(1, 1)).toBeCloseTo(Math.E, 12);
    expect(weight(1, -6)).toBeCloseTo(Math.exp(-6), 12);
  });

  test("sapo_min leaves a good response alone up to a ratio of 3.76, and is sapo beyond; for a bad one it is the other way", () => {
    const params = { tauPos: 1, tauNeg: 1 };
    const both = (advantage: number, ratio: number) =>
      [sapoMin, sapo].map((loss) => loss.tokenLoss(token(advantage, Math.log(ratio)), [], params).dLogProb);
    expect(both(1, 3.7)[0]).toBeCloseTo(-3.7, 9);
    expect(both(1, 3.8)[0]).toBe(both(1, 3.8)[1]);
    expect(both(-1, 3.7)[0]).toBe(both(-1, 3.7)[1]);
    expect(both(-1, 3.8)[0]).toBeCloseTo(3.8, 9);
  });
});
