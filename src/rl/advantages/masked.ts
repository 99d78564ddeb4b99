// Estimators see a step without the tokens that are not trained on: neither spread nor baseline is measured over them.
//   errors and returns go past a masked token as if it were not there; what it earned goes to the token before it that is
//   left, or else to the first after it; a response of which none is left still counts in its group with its reward
// Source: verl verl/trainer/ppo/core_algos.py, which changes response_mask before advantages. Differs: what a masked token
// earned would be lost to verl's GAE, and with a masked last token that is the reward itself.

import { sum } from "../../common/numbers.ts";
import type { AdvantageArgs } from "./advantage.ts";
import { outcomes, tokenRewardsOf } from "./returns.ts";

/** Advantages or returns of an estimator, [B][length]. */
export type Estimate = (args: AdvantageArgs) => Float64Array[];

/** 1 for tokens that are trained on, else 0, [B][length]. */
export type ResponseMask = readonly ArrayLike<number>[];

/** What `estimate` gives of the tokens that are left, and 0 for the others, [B][length]. Throws as it does. */
export function estimateMasked(estimate: Estimate, args: AdvantageArgs, mask: ResponseMask): Float64Array[] {
  const places = mask.map((row) => Array.from(row).flatMap((on, t) => (on === 1 ? [t] : [])));
  const result = mask.map(({ length }) => new Float64Array(length));
  // Of one token there is no spread, and estimators may refuse it; a run goes on.
  if (sum(places.map(({ length }) => length)) < 2) return result;
  for (const [i, values] of estimate(without(args, places)).entries())
    values.forEach((value, k) => (result[i]![places[i]![k]!] = value));
  return result;
}

/** `args` with only the tokens at `places`, [B][left]. */
function without(args: AdvantageArgs, places: readonly (readonly number[])[]): AdvantageArgs {
  const { positions, values, oldLogProb, sumSquaredProb, samplerWeight } = args;
  const left = (lists: readonly ArrayLike<number>[]): number[][] =>
    places.map((row, i) => row.map((t) => lists[i]![t]!));
  return {
    ...args,
    outcomes: outcomes(args),
    responseLengths: places.map(({ length }) => length),
    tokenRewards: tokenRewardsOf(args).map((rewards, i) => handedOn(rewards, places[i]!)),
    positions: positions ? left(positions) : places,
    ...(values && { values: left(values) }),
    ...(oldLogProb && { oldLogProb: left(oldLogProb) }),
    ...(sumSquaredProb && { sumSquaredProb: left(sumSquaredProb) }),
    ...(samplerWeight && { samplerWeight: left(samplerWeight) }),
  };
}

/** The rewards of a response [length] on its tokens at `places` [left]. */
function handedOn(rewards: Float64Array, places: readonly number[]): Float64Array {
  const result = new Float64Array(places.length);
  let k = 0;
  rewards.forEach((reward, t) => {
    if (k + 1 < places.length && t >= places[k + 1]!) k++;
    if (places.length > 0) result[k]! += reward;
  });
  return result;
}
