// Optimal token baseline: every token place of a group has a baseline of its own, in which responses weigh by how much gradient
// they have gathered so far.
//   A_t = G_t - sum over the group of G_t W_t / sum of W_t
//   G_t = reward still to come,  W_t = sum over j <= t of (1 - 2 p_j + sum of squared probabilities at j) * samplerWeight_j^2
// p_j is the probability of the token. Where only the longest response is left, `zeroTail` drops its baseline, which would
// be its own return. Source: verl verl/trainer/ppo/core_algos.py, compute_optimal_token_baseline_advantage (August 2026).

import type { AdvantageArgs, AdvantageEstimator } from "./advantage.ts";
import { needed, responsesByGroup, setting } from "./advantage.ts";
import { rewardsToGo } from "./returns.ts";

/** Against division by zero, as in verl. */
const TINY = 1e-8;

/** A_t of every token, [B][length]. */
export function tokenBaselineAdvantages(args: AdvantageArgs): Float64Array[] {
  const returns = rewardsToGo(args, 1);
  const weights = gatheredGradient(args);
  const zeroTail = setting(args, "zeroTail", "optimal_token_baseline");
  const placeOf = (i: number, t: number): number => args.positions?.[i]?.[t] ?? t;
  const advantages = returns.map((list) => list.slice());
  for (const members of responsesByGroup(args)) {
    if (members.length === 1) continue;
    const level = baselineByPlace(members, returns, weights, placeOf);
    const tail = zeroTail ? loneTail(members, args.responseLengths) : undefined;
    for (const i of members) {
      advantages[i]!.forEach((toGo, t) => {
        const isTail = tail?.response === i && placeOf(i, t) >= tail.from;
        if (!isTail) advantages[i]![t] = toGo - level(placeOf(i, t));
      });
    }
  }
  return advantages;
}

/** W_t of every token, [B][length]. */
function gatheredGradient(args: AdvantageArgs): Float64Array[] {
  const name = "optimal_token_baseline";
  const logProb = needed(args.oldLogProb, args, name, "log-probabilities under the old policy");
  const squares = needed(args.sumSquaredProb, args, name, "sums of squared probabilities");
  return logProb.map((list, i) => {
    let sum = 0;
    return Float64Array.from(list, (value, t) => {
      const weight = args.samplerWeight?.[i]?.[t] ?? 1;
      sum += (1 - 2 * Math.exp(value) + squares[i]![t]!) * weight * weight;
      return sum;
    });
  });
}

/** The weighted mean return of a group at each place. */
function baselineByPlace(
  members: readonly number[],
  returns: readonly Float64Array[],
  weights: readonly Float64Array[],
  placeOf: (response: number, token: number) => number,
): (place: number) => number {
  const weighted = new Map<number, number>();
  const total = new Map<number, number>();
  const add = (sums: Map<number, number>, place: number, value: number): void => {
    sums.set(place, (sums.get(place) ?? 0) + value);
  };
  for (const i of members) {
    returns[i]!.forEach((toGo, t) => {
      add(weighted, placeOf(i, t), toGo * weights[i]![t]!);
      add(total, placeOf(i, t), weights[i]![t]!);
    });
  }
  return (place) => weighted.get(place)! / (total.get(place)! + TINY);
}

/** The one longest response of a group and the place from which it is alone; nothing when two are longest. */
function loneTail(
  members: readonly number[],
  lengths: ArrayLike<number>,
): { readonly response: number; readonly from: number } | undefined {
  const [longest, second] = members.toSorted((a, b) => lengths[b]! - lengths[a]!);
  const from = lengths[second!]!;
  return lengths[longest!]! > from ? { response: longest!, from } : undefined;
}

export const optimalTokenBaseline: AdvantageEstimator = {
  id: "optimal_token_baseline",
  label: "Optimal token baseline",
  description:
    "A baseline for every token place of a group, by how much gradient each response has gathered.",
  paper: {
    title: "The Optimal Token Baseline: Variance Reduction for Long-Horizon LLM-RL",
    url: "https://arxiv.org/abs/2602.07078",
  },
  differs: "The gradient is estimated from probabilities alone (the paper's logit-gradient proxy).",
  params: ["gradus.zero_tail"],
  needs: ["group", "sum-squared-prob"],
  estimate: tokenBaselineAdvantages,
};
