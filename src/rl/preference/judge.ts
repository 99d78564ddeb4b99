// From log-probabilities to what the pairs of a mini-batch cost, teach, and log. Which responses make a pair is chosen here too:
// by reward among those sampled, or as the data says.

import type { MiniBatch } from "../batches.ts";
import { klPenalty } from "../losses/kl.ts";
import type { PairSettings, PreferenceSettings } from "../options/index.ts";
import type { JudgedRollout } from "../score.ts";
import type { PreferencePair, PreferenceValue } from "./loss.ts";
import { preferenceLoss, responseLogProb, tokenSlope } from "./loss.ts";
import { extremePairByReward, pairsByReward } from "./rank.ts";

/** The rollouts of a mini-batch with their pairs, as places in the list. */
export interface Paired {
  readonly members: readonly JudgedRollout[];
  readonly pairs: readonly PreferencePair[];
}

/** One number for the better responses of all pairs and one for the worse; NaN without pairs. */
export interface OfPairs {
  readonly chosen: number;
  readonly rejected: number;
}

/** What pairs came to. */
export interface PairMeans extends Omit<PreferenceValue, "dScore"> {
  readonly pairs: number;
  /** Mean log-probability of a token, nats. */
  readonly perToken: OfPairs;
  /** Mean log-probability of a response, sum or mean of its tokens as set, nats. */
  readonly logProb: OfPairs;
  /** Mean of beta times the score: the implicit reward. */
  readonly reward: OfPairs;
  /** Mean k3 of a token to the reference, nats; 0 without one. */
  readonly klRef: number;
}

type LogProbs = ReadonlyMap<JudgedRollout, Float32Array>;

/** The pairs within each group of a mini-batch by the rewards of its responses. */
export function pairsByRewards(batch: MiniBatch, { usesAllPairs, margin }: PreferenceSettings): Paired {
  const choose = usesAllPairs ? pairsByReward : extremePairByReward;
  return pairsWithin(batch, (places, members) => {
    const rewards = places.map((place) => members[place]!.reward.score);
    return choose(places, rewards, margin).map(([chosen, rejected]): PreferencePair => [chosen, rejected]);
  });
}

/** The pairs that the data names: of every group the first response over the second. */
export const givenPairs = (batch: MiniBatch): Paired =>
  pairsWithin(batch, ([chosen, rejected]) =>
    chosen === undefined || rejected === undefined ? [] : [[chosen, rejected]],
  );

/** `choose` is given the places of a group's members, in the order of its responses. */
function pairsWithin(
  { micros }: MiniBatch,
  choose: (places: readonly number[], members: readonly JudgedRollout[]) => PreferencePair[],
): Paired {
  const members = [...new Set(micros.flatMap(({ rollouts }) => rollouts))];
  const groups = [...new Set(members.map(({ group }) => group))];
  const pairs = groups.flatMap((group) => {
    const places = [...members.keys()]
      .filter((place) => members[place]!.group === group)
      .toSorted((a, b) => members[a]!.sample - members[b]!.sample);
    return choose(places, members);
  });
  return { members, pairs };
}

/** What the pairs came to, and the derivative of their loss with respect to the logProb of each rollout's tokens. */
export function judgePairs(
  { members, pairs }: Paired,
  logProbs: LogProbs,
  reference: LogProbs,
  { beta, logProb: by, ...how }: PairSettings,
): { means: PairMeans; slopes: ReadonlyMap<JudgedRollout, number> } {
  const own = members.map((rollout) => logProbs.get(rollout)!);
  const references = members.map((rollout) => reference.get(rollout));
  const logProb = own.map((values) => responseLogProb(values, by));
  const scores = logProb.map((value, i) => {
    const ref = references[i];
    return value - (ref ? responseLogProb(ref, by) : 0);
  });
  const { dScore, ...value } = preferenceLoss({ scores, pairs, beta, ...how });
  const perToken = own.map((values) => responseLogProb(values, "mean"));
  const rewards = scores.map((score) => beta * score);
  return {
    means: {
      ...value,
      pairs: pairs.length,
      perToken: ofPairs(perToken, pairs),
      logProb: ofPairs(logProb, pairs),
      reward: ofPairs(rewards, pairs),
      klRef: meanKl(own, references),
    },
    slopes: new Map(
      members.map((rollout, i) => [rollout, dScore[i]! * tokenSlope(rollout.tokens.length, by)]),
    ),
  };
}

function ofPairs(values: readonly number[], pairs: readonly PreferencePair[]): OfPairs {
  const meanOf = (which: 0 | 1): number =>
    pairs.reduce((sum, pair) => sum + values[pair[which]]!, 0) / pairs.length;
  return { chosen: meanOf(0), rejected: meanOf(1) };
}

/** Mean k3 of a token between two log-probabilities of the same tokens, those of `others` where they are there; 0 without. */
export function meanKl(
  logProbs: readonly ArrayLike<number>[],
  others: readonly (ArrayLike<number> | undefined)[],
): number {
  let [sum, tokens] = [0, 0];
  logProbs.forEach((logProb, i) => {
    const other = others[i];
    if (!other) return;
    for (let t = 0; t < logProb.length; t++) sum += klPenalty("low_var_kl", logProb[t]!, other[t]!).value;
    tokens += logProb.length;
  });
  return tokens > 0 ? sum / tokens : 0;
}
