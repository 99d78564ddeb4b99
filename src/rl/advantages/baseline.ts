// Rewards against a number of their group, which several estimators share. A group of one has nothing to compare with and
// keeps its reward, as in verl.

import type { AdvantageArgs } from "./advantage.ts";
import { responsesByGroup } from "./advantage.ts";

/** Each reward minus `baseline` of its group, [B]; `baseline` gets the indices of the group's responses. */
export function minusBaseline(
  args: AdvantageArgs,
  rewards: Float64Array,
  baseline: (members: readonly number[]) => number,
): Float64Array {
  const result = rewards.slice();
  for (const members of responsesByGroup(args)) {
    if (members.length === 1) continue;
    const level = baseline(members);
    for (const i of members) result[i] = rewards[i]! - level;
  }
  return result;
}

/** Mean of the rewards of `members`, to the bit their reward where all have the same: equal responses then teach nothing. */
export const meanOf = (rewards: Float64Array, members: readonly number[]): number =>
  weightedMeanOf(rewards, members, () => 1);

/** The same with weights, some of them above 0. */
export function weightedMeanOf(
  rewards: Float64Array,
  members: readonly number[],
  weightOf: (i: number) => number,
): number {
  const first = rewards[members[0]!]!;
  const total = members.reduce((sum, i) => sum + weightOf(i), 0);
  return first + members.reduce((sum, i) => sum + weightOf(i) * (rewards[i]! - first), 0) / total;
}

/** Unbiased standard deviation of the rewards of `members`; 1 for a group of one. */
export function stdOf(rewards: Float64Array, members: readonly number[]): number {
  if (members.length === 1) return 1;
  const mean = meanOf(rewards, members);
  const squares = members.reduce((sum, i) => sum + (rewards[i]! - mean) ** 2, 0);
  return Math.sqrt(squares / (members.length - 1));
}
