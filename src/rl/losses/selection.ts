// Which tokens of a micro-batch a loss such as clip_cov or kl_cov treats differently. Reference of shaders/token_selection.wgsl,
// and the random numbers of a selection at random. Over a micro-batch, as in verl: what is selected depends on how a
// mini-batch was cut, that is on the token budget, and on nothing else that changes between two runs of one seed.
// Source: verl verl/trainer/ppo/core_algos.py, compute_policy_loss_clip_cov and compute_policy_loss_kl_cov.

import { mean } from "../../common/numbers.ts";
import { BugError } from "../../common/errors.ts";
import type { Words } from "../../common/random.ts";
import { SeededRandom } from "../../common/random.ts";
import type { LossBatch, LossParams, LossToken, TokenSelection } from "./policy-loss.ts";
import { isCounted } from "./policy-loss.ts";

/**
 * 1 for the tokens [R] that are taken, 0 for the others and for masked ones, which nothing is compared with. `random` [R] is
 * needed when the selection is at random.
 */
export function selectedTokens(
  selection: TokenSelection,
  tokens: readonly LossToken[],
  { random, mask }: Pick<LossBatch, "random" | "mask">,
  params: LossParams,
): number[] {
  const counted = tokens.filter((_, r) => isCounted(mask, r));
  const meanAdvantage = mean(counted.map(({ advantage }) => advantage));
  const meanLogProb = mean(counted.map(({ logProb }) => logProb));
  const draws = selectionRandom(selection, tokens.length, random);
  const keys = tokens.map((token, r) => {
    if (!isCounted(mask, r)) return Infinity;
    const covariance = (token.advantage - meanAdvantage) * (token.logProb - meanLogProb);
    return selection.key(token, covariance, draws[r]!, params);
  });
  const candidates = keys.flatMap((key, r) => (key < Infinity ? [r] : []));
  const taken = candidates
    .toSorted((a, b) => keys[a]! - keys[b]! || a - b)
    .slice(0, selectionCount(selection, counted.length, params));
  const isSelected = tokens.map(() => 0);
  for (const r of taken) isSelected[r] = 1;
  return isSelected;
}

/** The most tokens taken of `rows`. Throws BugError when that is no count. */
export function selectionCount(selection: TokenSelection, rows: number, params: LossParams): number {
  const count = selection.count(rows, params);
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new BugError(`a loss would select ${count} of ${rows} tokens`);
}

/** Number in [0, 1) of each of `rows` tokens [R], zeros where nothing is drawn. Throws BugError when there are none. */
export function selectionRandom(
  { isRandom }: TokenSelection,
  rows: number,
  random: ArrayLike<number> | undefined,
): ArrayLike<number> {
  if (!isRandom) return new Float32Array(rows);
  if (random?.length === rows) return random;
  throw new BugError(
    `a selection at random among ${rows} tokens needs as many random numbers, not ${random?.length ?? 0}`,
  );
}

/** Keeps these numbers apart from what else is drawn from a run's seed. */
const STREAMS = 0x5e1ec700;

/** Random numbers [R] for `LossBatch.random`: those of this key and no others. A micro-batch wants a stream of its own. */
export function randomPerToken([seed, stream]: Words, rows: number): Float32Array<ArrayBuffer> {
  const random = new SeededRandom(seed, STREAMS ^ stream);
  return Float32Array.from({ length: rows }, () => random.uniform());
}
