// What an advantage estimator is: rewards of a batch of responses in, one number per response token out. Which there are is in
// index.ts. In double precision, because small differences between equal rewards must cancel.

import { BugError } from "../../common/errors.ts";

/** A batch of B responses. */
export interface AdvantageArgs {
  /** Reward of each response, [B]. */
  readonly rewards: ArrayLike<number>;
  /** Group of each response, any whole numbers, [B]. Responses of a group need not be neighbours. */
  readonly groups: ArrayLike<number>;
  /** Tokens of each response, [B]. */
  readonly responseLengths: ArrayLike<number>;
  readonly settings: AdvantageSettings;
}

export interface AdvantageSettings {
  /** Divide by the standard deviation of the group (algorithm.norm_adv_by_std_in_grpo). */
  readonly normaliseByStd: boolean;
  /** Added to the standard deviation. */
  readonly epsilon: number;
}

export interface Paper {
  readonly title: string;
  readonly url: string;
}

/** One entry of the list of estimators. */
export interface AdvantageEstimator {
  /** verl's name, algorithm.adv_estimator. */
  readonly id: string;
  readonly label: string;
  readonly description: string;
  readonly paper: Paper;
  /** How this differs from the paper. */
  readonly differs: string;
  /** Keys of the run's configuration that it reads. */
  readonly params: readonly string[];
  /** Advantages of every response, each as long as the response. Throws BugError when the lists do not belong together. */
  estimate(args: AdvantageArgs): Float64Array[];
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

/** The same number for every token of a response. */
export const broadcast = (values: ArrayLike<number>, lengths: ArrayLike<number>): Float64Array[] =>
  Array.from({ length: values.length }, (_, i) => new Float64Array(lengths[i]!).fill(values[i]!));
