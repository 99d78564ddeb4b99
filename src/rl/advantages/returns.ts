// From rewards to what a token is credited with: the reward of a response, token rewards, and what is still to come after a
// token. Baselines are the estimators' matter.

import { BugError } from "../../common/errors.ts";
import type { AdvantageArgs } from "./advantage.ts";

/** Reward of each response, [B]: the sum of its token rewards where there are any, unless it is given. */
export function outcomes(args: AdvantageArgs): Float64Array {
  if (args.outcomes) return Float64Array.from(args.outcomes);
  if (!args.tokenRewards) return Float64Array.from(args.rewards);
  return Float64Array.from(tokenRewardsOf(args), (list) => list.reduce((sum, reward) => sum + reward, 0));
}

/** Rewards token by token, [B][length]. Throws BugError when a list has another length than its response. */
export function tokenRewardsOf({ rewards, responseLengths, tokenRewards }: AdvantageArgs): Float64Array[] {
  return Array.from({ length: rewards.length }, (_, i) => {
    const length = responseLengths[i]!;
    if (tokenRewards) {
      const list = tokenRewards[i];
      if (list?.length === length) return Float64Array.from(list);
      throw new BugError(`${list?.length ?? "no"} token rewards for ${length} tokens of response ${i}`);
    }
    const list = new Float64Array(length);
    if (length > 0) list[length - 1] = rewards[i]!;
    return list;
  });
}

/** G_t = reward_t + gamma * G_t+1 of every token, [B][length]. */
export function rewardsToGo(args: AdvantageArgs, gamma: number): Float64Array[] {
  return tokenRewardsOf(args).map((rewards) => {
    let running = 0;
    for (let t = rewards.length - 1; t >= 0; t--) {
      running = rewards[t]! + gamma * running;
      rewards[t] = running;
    }
    return rewards;
  });
}
