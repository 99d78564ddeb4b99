// Sum over the vocabulary of squared probabilities, which the optimal token baseline weighs tokens by. Comes of two passes of
// the head, at the temperature and at half of it, so that it needs no kernel of its own.
//   sum of p^2 = s' / s^2 * e^(m' - 2 m),  m = max z, s = sum e^(z - m), m' and s' the same of 2 z
// verl takes exp(lse(2 z) - 2 lse(z)), which is the same but for rounding: in float32 that costs a relative 1e-5 where logits are
// large, and the weight of a token that is nearly certain is a difference of such numbers.

import type { Micro } from "./batches.ts";
import type { Run } from "./run.ts";
import type { JudgedRollout } from "./score.ts";

/** [length] of each rollout. */
export type SumSquaredProb = ReadonlyMap<JudgedRollout, Float64Array>;

/** (max, sum, weighted sum, target logit) of each row, [R,4], as the head leaves them. */
type HeadState = ArrayLike<number>;

/**
 * Sums of squared probabilities [R] from the state of the head for the logits and for twice the logits. What rounding puts below
 * the square of the token's own probability, or above 1, is put back: weights would be negative else. `logProb` is [R].
 */
export const sumSquaredProb = (
  logProb: ArrayLike<number>,
  state: HeadState,
  stateOfTwice: HeadState,
): Float64Array =>
  Float64Array.from(logProb, (own, r) => {
    const [max, sum] = [state[4 * r]!, state[4 * r + 1]!];
    const [maxOfTwice, sumOfTwice] = [stateOfTwice[4 * r]!, stateOfTwice[4 * r + 1]!];
    const value = (sumOfTwice / sum ** 2) * Math.exp(maxOfTwice - 2 * max);
    return Math.min(1, Math.max(Math.exp(2 * own), value));
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
  const read = (): Promise<Float32Array> => recorder.readF32(memory.head.state, 4 * logProb.length);
  const state = await read();
  policy.headAgain(temperature / 2);
  const sums = sumSquaredProb(logProb, state, await read());
  batch.sources.forEach(({ token }, r) => (places.get(rollouts[r]!)![token] = sums[r]!));
}
