// From the rewards of a group to who is preferred to whom. Knows no policy and no loss; what the pairs teach is loss.ts.

import { BugError, UserError } from "../../common/errors.ts";

/** A response by its place in its group, with its reward. */
export type RankedResponse = readonly [index: number, score: number];

/** Two responses to one prompt; `scoreDifference` is by how much the chosen one earned more, above the margin. */
export type RewardPair<T> = readonly [chosen: T, rejected: T, scoreDifference: number];

/** The responses of a group from the highest reward to the lowest; equal ones keep their order. Throws UserError on a reward that is not finite. */
export function rankByReward(responses: readonly unknown[], rewards: readonly number[]): RankedResponse[] {
  if (responses.length !== rewards.length)
    throw new BugError(`${responses.length} responses have ${rewards.length} rewards`);
  const wrong = rewards.find((reward) => !Number.isFinite(reward));
  if (wrong !== undefined)
    throw new UserError(
      `A response has the reward ${wrong}, so its group cannot be ranked. Make the reward function return a finite number for every response.`,
    );
  return rewards.map((score, index): RankedResponse => [index, score]).toSorted((a, b) => b[1] - a[1]);
}

/**
 * Every pair of a group whose rewards differ by more than `margin`, in the order of the ranking. The comparison is strict and
 * in double precision, rounding included: 0.4 - 0.3 is above a margin of 0.1, and 0.6 - 0.5 is not.
 */
export function pairsByReward<T>(
  responses: readonly T[],
  rewards: readonly number[],
  margin: number,
): RewardPair<T>[] {
  const ranking = rankByReward(responses, rewards);
  return ranking.flatMap(([chosen, high], place) =>
    ranking
      .slice(place + 1)
      .filter(([, low]) => high - low > margin)
      .map(([rejected, low]): RewardPair<T> => [responses[chosen]!, responses[rejected]!, high - low]),
  );
}

/** The first of a group's ranking against its last, if they differ by more than `margin`: one pair or none. */
export function extremePairByReward<T>(
  responses: readonly T[],
  rewards: readonly number[],
  margin: number,
): RewardPair<T>[] {
  const ranking = rankByReward(responses, rewards);
  const [best, worst] = [ranking[0], ranking.at(-1)];
  if (!best || !worst || !(best[1] - worst[1] > margin)) return [];
  return [[responses[best[0]]!, responses[worst[0]]!, best[1] - worst[1]]];
}
