// What an advantage estimator is: rewards of a batch of responses in, one number per response token out. Which there are is in
// index.ts. In double precision, because small differences between equal rewards must cancel.

import { BugError, UserError } from "../../common/errors.ts";

/** A batch of B responses. What is optional is asked for by the estimators that name it in `needs`. */
export interface AdvantageArgs {
  /** Reward of each response, [B]. */
  readonly rewards: ArrayLike<number>;
  /** Group of each response, any whole numbers, [B]. Responses of a group need not be neighbours. */
  readonly groups: ArrayLike<number>;
  /** Tokens of each response, [B]. */
  readonly responseLengths: ArrayLike<number>;
  /** Rewards token by token, [B][length], such as KL in the reward leaves; absent: `rewards`, on the last token of each. */
  readonly tokenRewards?: readonly ArrayLike<number>[];
  /** Reward of each response whatever its token rewards come to, [B]; absent: their sum. */
  readonly outcomes?: ArrayLike<number>;
  /** Reward of the greedy response to the same prompt, [B]. */
  readonly baselines?: ArrayLike<number>;
  /** A critic's value before each token, [B][length]. */
  readonly values?: readonly ArrayLike<number>[];
  /** Log-probability under the old policy, [B][length]. */
  readonly oldLogProb?: readonly ArrayLike<number>[];
  /** Sum over the vocabulary of the squared probabilities under the old policy, [B][length]. */
  readonly sumSquaredProb?: readonly ArrayLike<number>[];
  /** Weight that corrects for the sampler, [B][length]; absent: 1. */
  readonly samplerWeight?: readonly ArrayLike<number>[];
  /** Rewards of K kinds that make up `rewards`, [K][B]; absent: one kind. */
  readonly rewardComponents?: readonly ArrayLike<number>[];
  /** Place of each token in its response, [B][length], where tokens of a tool stand between; absent: 0, 1, 2 ... */
  readonly positions?: readonly ArrayLike<number>[];
  readonly settings: AdvantageSettings;
}

export interface AdvantageSettings {
  /** Divide by the standard deviation (algorithm.norm_adv_by_std_in_grpo). */
  readonly normaliseByStd: boolean;
  /** Added to the standard deviation. */
  readonly epsilon: number;
  /** Whose standard deviation; absent: the group's. TRL's scale_rewards. */
  readonly stdOver?: "group" | "batch";
  /** Worth of a reward one token later (algorithm.gamma). */
  readonly gamma?: number;
  /** Decay of later errors in GAE (algorithm.lam). */
  readonly lambda?: number;
  /** Weight of each kind of reward, [K] (algorithm.gdpo_reward_weights); absent: all 1. */
  readonly componentWeights?: readonly number[];
  /** No baseline where only the longest response of a group is left (verl's handle_zero_tail). */
  readonly zeroTail?: boolean;
}

export interface Paper {
  readonly title: string;
  readonly url: string;
}

/**
 * What an estimator cannot do without, besides rewards, groups and lengths. "group": at least 2 responses per prompt. "batch":
 * at least 2 per step.
 */
export type AdvantageNeed = "group" | "batch" | "greedy-baseline" | "values" | "sum-squared-prob";

/** One entry of the list of estimators. */
export interface AdvantageEstimator {
  /** verl's name, algorithm.adv_estimator. */
  readonly id: string;
  readonly label: string;
  readonly description: string;
  readonly paper: Paper;
  /** How this differs from the paper. */
  readonly differs: string;
  /** Keys of the run's configuration that it reads, and no other: the form shows these. */
  readonly params: readonly string[];
  readonly needs: readonly AdvantageNeed[];
  /** Id of an entry that gives the same numbers wherever responses are as the engine makes them: no need to offer both. */
  readonly sameAs?: string;
  /**
   * Advantages of every response, each as long as the response. Throws BugError when the lists do not belong together or a
   * setting is missing, UserError when the batch lacks what the estimator needs.
   */
  estimate(args: AdvantageArgs): Float64Array[];
  /** What the critic should have said before every token, [B][length]; only with "values" among `needs`. Throws as `estimate` does. */
  returns?(args: AdvantageArgs): Float64Array[];
}

/** Indices of the responses of each group, groups in order of appearance. Throws BugError on lists of unequal length. */
export function responsesByGroup({ rewards, groups, responseLengths }: AdvantageArgs): number[][] {
  if (rewards.length !== groups.length || rewards.length !== responseLengths.length) {
    throw new BugError(
      `${rewards.length} rewards, ${groups.length} groups and ${responseLengths.length} lengths`,
    );
  }
  const byGroup = new Map<number, number[]>();
  for (let i = 0; i < groups.length; i++) {
    const members = byGroup.get(groups[i]!);
    if (members) members.push(i);
    else byGroup.set(groups[i]!, [i]);
  }
  return [...byGroup.values()];
}

/** The same number for every token of a response: [B] and lengths [B] to [B][length]. */
export const broadcast = (values: ArrayLike<number>, lengths: ArrayLike<number>): Float64Array[] =>
  Array.from({ length: values.length }, (_, i) => new Float64Array(lengths[i]!).fill(values[i]!));

/** A list that the caller must have handed over, one entry per response. Throws UserError when it is not there. */
export function needed<T extends ArrayLike<unknown>>(
  list: T | undefined,
  { rewards }: AdvantageArgs,
  estimator: string,
  what: string,
): T {
  if (!list) {
    throw new UserError(
      `The advantage estimator ${estimator} needs ${what}, and this run has none, so rewards cannot become advantages. Choose another estimator (algorithm.adv_estimator).`,
    );
  }
  if (list.length !== rewards.length)
    throw new BugError(`${list.length} entries of ${what} for ${rewards.length} responses`);
  return list;
}

/** A setting that `estimator` reads. Throws BugError when the caller left it out. */
export function setting<K extends keyof AdvantageSettings>(
  { settings }: AdvantageArgs,
  name: K,
  estimator: string,
): NonNullable<AdvantageSettings[K]> {
  const value = settings[name];
  if (value === undefined) throw new BugError(`the advantage estimator ${estimator} was given no ${name}`);
  return value;
}
