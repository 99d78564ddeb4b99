// The list of rewards, and which of them judges a problem. A new reward is a file beside this one and a line here.

import { UserError } from "../../common/errors.ts";
import { nearest } from "../../common/nearest.ts";
import { gsm8k } from "./gsm8k.ts";
import type { Reward } from "./reward.ts";

export type { Reward, RewardArgs, RewardScore } from "./reward.ts";

export const REWARDS: readonly Reward[] = [gsm8k];

/**
 * The reward that verl uses for a data source. A file of {prompt, ground_truth} names none: its ground truth is what a
 * response should state at its end, which is GSM8K's rule. A source that is named and unknown was meant for another rule, and
 * judging by the wrong one would train nonsense: throws UserError naming those that are known.
 */
export function rewardFor(dataSource: string): Reward {
  if (dataSource === "") return gsm8k;
  const reward = REWARDS.find(({ dataSources }) => dataSources.includes(dataSource));
  if (reward) return reward;
  const known = REWARDS.flatMap(({ dataSources }) => dataSources);
  const close = nearest(dataSource, known);
  throw new UserError(
    `The problems name the data source "${dataSource}", and there is no reward for it, so responses cannot be judged. ${
      close ? `Did you mean ${close}? ` : ""
    }Set data_source to one of ${known.join(", ")}, or leave it out to compare the number after "####".`,
  );
}
