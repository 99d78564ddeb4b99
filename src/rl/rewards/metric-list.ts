// What a run logs of each reward that is on. Generated from the list of rewards.

import { mean } from "../../common/numbers.ts";
import type { Metric, MetricRow } from "../metrics.ts";
import { REWARDS } from "./index.ts";
import type { RewardComponent } from "./judge.ts";

export const REWARD_METRICS: readonly Metric[] = REWARDS.flatMap(({ id, label }) => [
  {
    key: `reward/${id}/mean`,
    label: `${label} (mean)`,
    description: `Mean score of the reward "${label}" over the responses of the step, before its weight.`,
  },
  {
    key: `reward/${id}/std`,
    label: `${label} (deviation)`,
    description: `Standard deviation of the reward "${label}" over the responses of the step. At 0 it teaches nothing.`,
  },
]);

/** Mean and deviation of every component; `components` are [responses][rewards]. */
export function rewardMetrics(components: readonly (readonly RewardComponent[])[]): MetricRow {
  const entries = (components[0] ?? []).flatMap(({ id }, k) => {
    const scores = components.map((response) => response[k]!.score);
    const centre = mean(scores);
    const std = Math.sqrt(mean(scores.map((score) => (score - centre) ** 2)));
    return [
      [`reward/${id}/mean`, centre],
      [`reward/${id}/std`, std],
    ] as const;
  });
  return Object.fromEntries(entries);
}
