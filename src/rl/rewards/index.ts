// The list of rewards, and which problems they may judge. A new reward is a file beside this one and a line here: its weight
// (gradus.reward_weight.<id>), its metrics and its field on the page come from the list.

import { UserError } from "../../common/errors.ts";
import { nearest } from "../../common/nearest.ts";
import { custom } from "./custom.ts";
import { graded } from "./graded.ts";
import { gsm8kFlexible } from "./gsm8k-flexible.ts";
import { gsm8k } from "./gsm8k.ts";
import { length } from "./length.ts";
import type { Reward, WeightedReward } from "./reward.ts";
import { xmlFormat } from "./xml-format.ts";

export type {
  OpenedReward,
  Reward,
  RewardArgs,
  RewardFunction,
  RewardRule,
  RewardSettings,
  WeightedReward,
} from "./reward.ts";

export const REWARDS = [
  gsm8k,
  gsm8kFlexible,
  graded,
  xmlFormat,
  length,
  custom,
] as const satisfies readonly Reward[];
export type RewardId = (typeof REWARDS)[number]["id"];

/**
 * Throws UserError when a problem names a data source that a reward which is on is not for. A file of {prompt, ground_truth} names
 * none: its ground truth is what a response should state at its end, which is GSM8K's rule. A source that is named and unknown was meant
 * for another rule, and judging by the wrong one would train nonsense.
 */
export function checkDataSources(dataSources: Iterable<string>, on: readonly WeightedReward[]): void {
  const named = [...new Set(dataSources)].filter((source) => source !== "");
  for (const { reward } of on) {
    const known = reward.dataSources;
    const stranger = known && named.find((source) => !known.includes(source));
    if (stranger === undefined) continue;
    const close = nearest(stranger, known!);
    throw new UserError(
      `The problems name the data source "${stranger}", and there is no reward for it: ${reward.label} judges ${known!.join(", ")}. ${
        close ? `Did you mean ${close}? ` : ""
      }Set data_source to one of ${known!.join(", ")}, leave it out to compare the number after "####", or judge the responses by your own function (gradus.reward_weight.custom) with gradus.reward_weight.${reward.id} at 0.`,
    );
  }
}
