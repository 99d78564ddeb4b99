// What responses earn.

import type { RunConfig } from "../config.ts";
import type { RewardSettings, WeightedReward } from "../rewards/index.ts";
import { REWARDS } from "../rewards/index.ts";
import type { OverlongSettings } from "../rewards/overlong.ts";

/** The rewards that are on, in the order of the list, which is that of a response's components. */
export const rewardsOf = (config: RunConfig): WeightedReward[] =>
  REWARDS.map((reward) => ({ reward, weight: config[`gradus.reward_weight.${reward.id}`] })).filter(
    ({ weight }) => weight !== 0,
  );

/** What rewards read besides the response and its problem. */
export const rewardSettingsOf = (config: RunConfig): RewardSettings => ({
  formatScore: config["gradus.format_score"],
  maxLength: config["data.max_response_length"],
  ownFunction: config["gradus.reward_function"],
  ownFunctionMs: config["gradus.reward_function_ms"],
});

/** The penalty for long responses; undefined when it is off. */
export function overlongOf(config: RunConfig): OverlongSettings | undefined {
  if (!config["reward.reward_kwargs.overlong_buffer_cfg.enable"]) return undefined;
  return {
    maxLength: config["data.max_response_length"],
    buffer: config["reward.reward_kwargs.overlong_buffer_cfg.len"],
    factor: config["reward.reward_kwargs.overlong_buffer_cfg.penalty_factor"],
  };
}
