// How losses of tokens become one number: L = sum over tokens of W * loss, with a weight W that a whole sequence shares. The
// counts are those of the whole mini-batch, so that cutting it into micro-batches changes nothing but rounding.
// Source: verl verl/trainer/ppo/core_algos.py, agg_loss (August 2026), on one machine.

import { BugError, UserError } from "../../common/errors.ts";
import { nearestHint } from "../../common/nearest.ts";

/** verl's actor_rollout_ref.actor.loss_agg_mode. */
export const AGGREGATION_MODES = [
  "token-mean",
  "token-sum",
  "seq-mean-token-sum",
  "seq-mean-token-mean",
  "seq-mean-token-sum-norm",
] as const;
export type AggregationMode = (typeof AGGREGATION_MODES)[number];

/**
 * TRL's loss_type where that names a way of adding up, and the mode that a configuration makes of it. TRL's bnpo divides by the tokens of a
 * micro-batch and means over micro-batches, which with the counts of the whole mini-batch is token-mean; its dr_grpo divides by
 * responses times the longest response allowed, whatever loss_scale_factor says.
 */
export const TRL_AGGREGATIONS = {
  bnpo: "token-mean",
  dr_grpo: "seq-mean-token-sum-norm",
} as const satisfies Readonly<Record<string, AggregationMode>>;

/** What each does to the losses of tokens, a sentence each. */
export const AGGREGATION_WORDS: Readonly<Record<AggregationMode, string>> = {
  "token-mean": "The mean over all tokens of an update: long responses count more (DAPO, verl's default).",
  "token-sum": "The sum over all tokens: the gradient grows with the batch.",
  "seq-mean-token-sum": "The sum over the tokens of a response, then the mean over responses.",
  "seq-mean-token-mean":
    "The mean over the tokens of a response, then over responses: every response counts alike (the GRPO paper, GSPO, SAPO).",
  "seq-mean-token-sum-norm":
    "The sum over the tokens of a response by the token normaliser, then the mean over responses (Dr. GRPO).",
};

/** The mode of this name. Throws UserError naming those that are known. */
export function aggregationMode(name: string): AggregationMode {
  const mode = AGGREGATION_MODES.find((known) => known === name);
  if (mode) return mode;
  throw new UserError(
    `There is no aggregation "${name}", so losses of tokens cannot be added up. ${nearestHint(name, AGGREGATION_MODES, `Set loss_agg_mode to one of ${AGGREGATION_MODES.join(", ")}.`)}`,
  );
}

/** What a mini-batch is divided by. */
export interface BatchCounts {
  /** Response tokens of the mini-batch (verl's batch_num_tokens). */
  readonly tokens: number;
  /** Responses of the mini-batch (verl's global_batch_size = ppo_mini_batch_size * rollout.n, empty ones included). */
  readonly sequences: number;
  /** Divides token sums in seq-mean-token-sum-norm (verl's loss_scale_factor; where null, the longest response allowed). */
  readonly tokenNormaliser: number;
}

/** The weight W of every token of a sequence of `length` tokens. Throws BugError on a count that cannot divide. */
export function aggregationWeight(mode: AggregationMode, length: number, counts: BatchCounts): number {
  const { tokens, sequences, tokenNormaliser } = counts;
  if (mode === "token-sum") return 1;
  if (mode === "token-mean") return 1 / positive("tokens", tokens);
  const perSequence = 1 / positive("sequences", sequences);
  if (mode === "seq-mean-token-sum") return perSequence;
  if (mode === "seq-mean-token-mean") return perSequence / (length + 1e-8);
  return perSequence / positive("token normaliser", tokenNormaliser);
}

function positive(name: string, value: number): number {
  if (value > 0 && value < Infinity) return value;
  throw new BugError(`losses cannot be divided by ${value} (${name})`);
}
