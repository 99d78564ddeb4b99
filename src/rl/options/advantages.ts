// How rewards become advantages.

import type { AdvantageEstimator, AdvantageNeed, AdvantageSettings } from "../advantages/advantage.ts";
import { ADVANTAGE_ESTIMATORS } from "../advantages/index.ts";
import type { RunConfig } from "../config.ts";
import { entryOf } from "./entry-of.ts";

/** The estimator of advantages and its settings. */
export function advantagesOf(config: RunConfig): {
  estimator: AdvantageEstimator;
  settings: AdvantageSettings;
} {
  return {
    estimator: entryOf(ADVANTAGE_ESTIMATORS, config["algorithm.adv_estimator"]),
    settings: {
      normaliseByStd: config["algorithm.norm_adv_by_std_in_grpo"],
      epsilon: config["gradus.advantage_epsilon"],
      stdOver: config["gradus.advantage_std"] as "group" | "batch",
      gamma: config["algorithm.gamma"],
      zeroTail: config["gradus.zero_tail"],
      lambda: config["algorithm.lam"],
    },
  };
}

/** Whether the run's advantages cannot do without `need`. */
export const advantagesNeed = (config: RunConfig, need: AdvantageNeed): boolean =>
  config["gradus.mode"] === "rl" && advantagesOf(config).estimator.needs.includes(need);
