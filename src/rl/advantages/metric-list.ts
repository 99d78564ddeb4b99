// The numbers that single estimators of advantages log besides those of every step. Ours, but for timing_s/gen_max, which is
// verl's.

import type { Metric } from "../metrics.ts";

export const ADVANTAGE_METRICS: readonly Metric[] = [
  {
    key: "critic/remax_baseline/mean",
    label: "Reward of greedy responses",
    description:
      "Mean reward of the greedy response to each problem of the step, which sampled ones are compared with (ReMax).",
    chart: "reward",
  },
  {
    key: "timing_s/gen_max",
    label: "Greedy rollout time",
    description: "Time of the greedy responses that ReMax compares with.",
    unit: "s",
  },
];
