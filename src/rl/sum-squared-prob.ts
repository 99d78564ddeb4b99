// Sum over the vocabulary of squared probabilities, which the optimal token baseline weighs tokens by. Comes of two passes of
// the head, at the temperature and at half of it, so that it needs no kernel of its own.
//   sum of p^2 = exp(lse(2 z / T) - 2 lse(z / T))

import type { Micro } from "./batches.ts";
import type { Run } from "./run.ts";
import type { JudgedRollout } from "./score.ts";

/** [length] of each rollout. */
export type SumSquaredProb = ReadonlyMap<JudgedRollout, Float64Array>;

/**
 * Sums of squared probabilities from the log-sum-exp of the logits and of twice the logits, [R]. Rounding can put a sum of a
 * token that is nearly certain below the square of its own probability, or above 1; those are the bounds.
 */
export const sumSquaredProb = (
  logProb: ArrayLike<number>,
  lse: ArrayLike<number>,
  lseOfTwice: ArrayLike<number>,
): Float64Array =>
  Float64Array.from(lseOfTwice, (twice, r) => {
    const own = Math.exp(2 * logProb[r]!);
    return Math.min(1, Math.max(own, Math.exp(twice - 2 * lse[r]!)));
  });

/** Places for the sums of rollouts. */
export const roomForSums = (rollouts: readonly JudgedRollout[]): Map<JudgedRollout, Float64Array> =>
  new Map(rollouts.map((rollout) => [rollout, new Float64Array(rollout.tokens.length)]));

/**
 * Puts the sums of the tokens of `micro` into their places. Belongs right after its forward pass at `temperature`, whose
 * log-probabilities are `logProb` [R]; no backward pass can follow.
 */
export async function keepSums(
  { policy }: Run,
  { batch, rollouts }: Micro,
  logProb: Float32Array,
  temperature: number,
  places: SumSquaredProb,
): Promise<void> {
  const { recorder, memory } = policy;
  const lse = await recorder.readF32(memory.head.lse, logProb.length);
  policy.headAgain(temperature / 2);
  const lseOfTwice = await recorder.readF32(memory.head.lse, logProb.length);
  const sums = sumSquaredProb(logProb, lse, lseOfTwice);
  batch.sources.forEach(({ token }, r) => (places.get(rollouts[r]!)![token] = sums[r]!));
}
