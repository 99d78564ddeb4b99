// What a pair of responses teaches.

import type { RunConfig } from "../config.ts";
import type { ResponseLogProb } from "../preference/loss.ts";

export interface PreferenceSettings {
  readonly beta: number;
  readonly margin: number;
  /** Every pair beyond the margin; else the best response of a group against its worst. */
  readonly usesAllPairs: boolean;
  readonly logProb: ResponseLogProb;
  readonly hasReference: boolean;
  readonly rounds: number;
}

/** Preference of better responses; undefined under another method. */
export function preferenceOf(config: RunConfig): PreferenceSettings | undefined {
  if (config["gradus.mode"] !== "preference") return undefined;
  return {
    beta: config["gradus.preference_beta"],
    margin: config["gradus.preference_margin"],
    usesAllPairs: config["gradus.ranking_loss"],
    logProb: config["gradus.preference_log_prob"] as ResponseLogProb,
    hasReference: config["gradus.preference_reference"],
    rounds: config["gradus.self_play_rounds"],
  };
}
