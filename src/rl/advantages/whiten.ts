// Mean 0 and standard deviation 1 over all tokens of a batch: long responses weigh more than short ones.
//   (v - mean) / sqrt(variance + 1e-8),  variance unbiased,  mean = sum / (tokens + 1e-8)
// Source: verl verl/utils/torch_functional.py, masked_whiten, masked_var, masked_mean. Differs: equal numbers become 0, where
// verl leaves what rounding makes of them, which AdamW would take for a direction.

import { UserError } from "../../common/errors.ts";

/** Against division by zero, as in verl; below what float32 can tell. */
const TINY = 1e-8;

export interface TokenMoments {
  readonly mean: number;
  readonly variance: number;
}

/** Mean and unbiased variance of all numbers of [B][length]. Throws UserError when there are fewer than two. */
export function tokenMoments(lists: readonly ArrayLike<number>[]): TokenMoments {
  const values = lists.flatMap((list) => Array.from(list));
  const count = values.length;
  if (count < 2) {
    throw new UserError(
      `The step has ${count} response tokens: advantages over a batch are measured by their spread, which needs 2. Raise prompts per step (data.train_batch_size), group size or the longest response.`,
    );
  }
  const meanOf = (numbers: readonly number[]): number =>
    numbers.reduce((sum, value) => sum + value, 0) / (count + TINY);
  const mean = meanOf(values);
  const variance = (meanOf(values.map((value) => (value - mean) ** 2)) * count) / (count - 1);
  return { mean, variance };
}

/** Whitened copies of [B][length]; all 0 where all are the same. Throws UserError on fewer than two numbers. */
export function whiten(lists: readonly ArrayLike<number>[]): Float64Array[] {
  const { mean, variance } = tokenMoments(lists);
  const first = lists.find(({ length }) => length > 0)![0];
  if (lists.every((list) => Array.from(list).every((value) => value === first)))
    return lists.map(({ length }) => new Float64Array(length));
  const scale = 1 / Math.sqrt(variance + TINY);
  return lists.map((list) => Float64Array.from(list, (value) => (value - mean) * scale));
}
