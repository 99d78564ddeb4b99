// Which prompts are answered, and how.

import type { RolloutSizes } from "../../model/decode-memory.ts";
import type { RolloutOptions } from "../../rollout/engine.ts";
import type { RunConfig } from "../config.ts";
import type { FilterMetric } from "../filter-groups.ts";
import { FILTER_METRICS } from "../filter-groups.ts";
import type { OrderOptions } from "../prompts.ts";
import { entryOf } from "./entry-of.ts";

/** How many responses are written at once, and how long they and their prompts may be. */
export function rolloutSizes(config: RunConfig): RolloutSizes {
  const rows = config["actor_rollout_ref.rollout.max_num_seqs"];
  return {
    rows,
    promptSlots: Math.min(rows, config["gradus.prompt_slots"]),
    maxPrompt: config["data.max_prompt_length"],
    maxNew: config["data.max_response_length"],
  };
}

/** How responses are sampled in training. */
export function samplingOf(config: RunConfig): RolloutOptions["sampling"] {
  return {
    temperature: config["actor_rollout_ref.rollout.temperature"],
    topK: Math.max(0, config["actor_rollout_ref.rollout.top_k"]),
    topP: config["actor_rollout_ref.rollout.top_p"],
    seed: [config["data.seed"], 0],
  };
}

/** The most likely token, always. */
export const greedySampling = (config: RunConfig): RolloutOptions["sampling"] => ({
  temperature: 0,
  topK: 0,
  topP: 1,
  seed: [config["data.seed"], 1],
});

/** In which order prompts are taken. */
export const orderOf = (config: RunConfig): OrderOptions => ({
  seed: config["data.seed"],
  shuffle: config["data.shuffle"],
});

export interface FilterSettings {
  /** What must differ within a group. */
  readonly metric: FilterMetric;
  /** Prompts answered in a round. */
  readonly roundSize: number;
  /** 0 or below: no limit. */
  readonly maxRounds: number;
}

/** Dynamic sampling; undefined when it is off. */
export function filterOf(config: RunConfig): FilterSettings | undefined {
  if (!config["algorithm.filter_groups.enable"]) return undefined;
  const roundSize = config["data.gen_batch_size"];
  return {
    metric: entryOf(FILTER_METRICS, config["algorithm.filter_groups.metric"]),
    roundSize: roundSize > 0 ? roundSize : config["data.train_batch_size"],
    maxRounds: config["algorithm.filter_groups.max_num_gen_batches"],
  };
}
