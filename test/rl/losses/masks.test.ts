// Masks and edge cases of every loss in double precision: a masked token is as if it were not there, and under every aggregation
// nothing is NaN for groups without spread, single tokens and batches of which nothing is left; micro-batches change nothing.

import { describe, expect, test } from "vitest";

import { AGGREGATION_MODES, aggregationWeight } from "../../../src/rl/losses/aggregate.ts";
import { POLICY_LOSSES } from "../../../src/rl/losses/index.ts";
import type { LossBatch } from "../../../src/rl/losses/policy-loss.ts";
import { sequenceLengths } from "../../../src/rl/losses/policy-loss.ts";
import { objectiveReference } from "../../../src/rl/losses/reference.ts";
import { LOSS_STATS } from "../../../src/rl/losses/stats.ts";
import type { Sample } from "./batches.ts";
import { objective, paramsOf, part, sample, someTokens } from "./batches.ts";

/** Every third token out, and the second sequence whole. */
const maskOf = ({ batch }: Sample): Float64Array =>
  Float64Array.from(batch.advantage, (_, r) =>
    r % 3 === 2 || (r >= batch.sequenceStarts[1]! && r < batch.sequenceStarts[2]!) ? 0 : 1,
  );

/** The tokens that `mask` leaves, packed. */
function left(whole: Sample, mask: ArrayLike<number>): Sample {
  const starts = Array.from(whole.batch.sequenceStarts, (start) =>
    Array.from(mask)
      .slice(0, start)
      .reduce((a, b) => a + b, 0),
  );
  return someTokens(
    whole,
    (list) => Float32Array.from(Array.from(list).filter((_, r) => mask[r] === 1)),
    starts.filter((start, s) => s === 0 || start !== starts[s - 1]),
  );
}

describe.each(POLICY_LOSSES)("$id", (loss) => {
  const what = { ...objective, loss, params: paramsOf(loss) };

  test("sees a masked token as if it were not there", () => {
    const all = sample(65, 9);
    const mask = maskOf(all);
    const penaltyWeight = all.batch.penaltyWeight!;
    const spoilt = all.policy.logProb.map((value, r) => (mask[r] === 1 ? value : Number.NaN));
    const masked: LossBatch = {
      ...all.batch,
      mask,
      penaltyWeight: Array.from(penaltyWeight, (weight, r) => weight * mask[r]!),
    };
    const result = objectiveReference({ ...all.policy, logProb: spoilt }, masked, what);
    const few = left(all, mask);
    const wanted = objectiveReference(few.policy, few.batch, what);
    expect(result.loss).toBeCloseTo(wanted.loss, 12);
    for (const { id } of LOSS_STATS) expect(result.stats[id], id).toBeCloseTo(wanted.stats[id], 10);
    const gradients = [...result.dLogProb].filter((_, r) => mask[r] === 1);
    gradients.forEach((d, r) => expect(d).toBeCloseTo(wanted.dLogProb[r]!, 12));
    for (const [r, d] of result.dLogProb.entries()) if (mask[r] === 0) expect(Math.abs(d)).toBe(0);
  });

  test.each(AGGREGATION_MODES)(
    "under %s: no NaN where nothing is to be learnt, and one sequence at a time is the whole batch",
    (name) => {
      const mode = loss.aggregation ?? name;
      const all = sample(63, 4);
      const starts = all.batch.sequenceStarts;
      const counts = { tokens: 63, sequences: starts.length - 1, tokenNormaliser: 40 };
      const weight = Float32Array.from(sequenceLengths(starts), (length) =>
        aggregationWeight(mode, length, counts),
      );
      const whole = { ...all, batch: { ...all.batch, weight } };
      const value = objectiveReference(whole.policy, whole.batch, what);
      expect([value.loss, ...value.dLogProb, ...value.dEntropy].every(Number.isFinite)).toBe(true);

      for (const batch of [
        { ...whole.batch, advantage: weight.map(() => 0) },
        { ...whole.batch, oldLogProb: "current" as const },
        { ...whole.batch, mask: weight.map(() => 0), penaltyWeight: weight.map(() => 0) },
      ]) {
        const edge = objectiveReference(whole.policy, batch, what);
        expect([edge.loss, ...edge.dLogProb, ...edge.dEntropy].every(Number.isFinite)).toBe(true);
        expect(edge.stats.notFinite).toBe(0);
      }

      // clip_cov and kl_cov choose within a micro-batch, as in verl.
      if (loss.selection) return;
      const parts = Array.from({ length: starts.length - 1 }, (_, s) => part(whole, s, s + 1));
      const values = parts.map(({ policy, batch }) => objectiveReference(policy, batch, what));
      const sum = values.reduce((total, { loss: one }) => total + one, 0);
      expect(Math.abs(sum / value.loss - 1)).toBeLessThan(1e-9);
      values
        .flatMap(({ dLogProb }) => [...dLogProb])
        .forEach((d, r) => expect(d).toBeCloseTo(value.dLogProb[r]!, 12));
    },
  );
});
