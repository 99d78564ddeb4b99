// What a pair of responses teaches, and which sampled responses make one.

import type { RunConfig } from "../config.ts";
import type { PairLoss, ResponseLogProb } from "../preference/loss.ts";

/** What a pair teaches, wherever it is from. */
export interface PairSettings {
  readonly beta: number;
  readonly loss: PairLoss;
  readonly labelSmoothing: number;
  readonly logProb: ResponseLogProb;
  readonly hasReference: boolean;
}

export interface PreferenceSettings extends PairSettings {
  readonly margin: number;
  /** Every pair beyond the margin; else the best response of a group against its worst. */
  readonly usesAllPairs: boolean;
  readonly rounds: number;
}

/** Preference of one response to another, sampled or given; undefined under another method. */
export function pairsOf(config: RunConfig): PairSettings | undefined {
  const mode = config["gradus.mode"];
  if (mode !== "preference" && mode !== "dpo") return undefined;
  const loss = config["gradus.preference_loss"] as PairLoss;
  return {
    beta: config["gradus.preference_beta"],
    loss,
    labelSmoothing: loss === "sigmoid" ? config["gradus.label_smoothing"] : 0,
    logProb: config["gradus.preference_log_prob"] as ResponseLogProb,
    hasReference: config[mode === "dpo" ? "gradus.dpo_reference" : "gradus.preference_reference"],
  };
}

/** Preference of better responses among those sampled; undefined under another method. */
export function preferenceOf(config: RunConfig): PreferenceSettings | undefined {
  const pairs = config["gradus.mode"] === "preference" ? pairsOf(config) : undefined;
  return (
    pairs && {
      ...pairs,
      margin: config["gradus.preference_margin"],
      usesAllPairs: config["gradus.ranking_loss"],
      rounds: config["gradus.self_play_rounds"],
    }
  );
}
