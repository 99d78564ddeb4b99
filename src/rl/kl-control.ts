// KL in the reward: every token pays for its distance from the reference policy, under the old policy, before advantages are
// estimated. The coefficient is fixed, or follows the distance so that it stays near a target. Which policy is asked for
// log-probabilities, and when, is the step's matter; KL in the loss is losses/kl.ts.
//   reward_t = score_t - coef * KL_t
//   adaptive: coef grows by the factor 1 + clamp(KL / target - 1, -0.2, 0.2) * sequences / horizon
// Source: verl verl/trainer/ppo/ray_trainer.py, apply_kl_penalty, and core_algos.py, AdaptiveKLController; Ziegler et al. 2019,
// Fine-Tuning Language Models from Human Preferences, arXiv:1909.08593, section 2.2.

import { BugError, UserError } from "../common/errors.ts";
import type { KlType } from "./losses/kl.ts";
import { klPenalty } from "./losses/kl.ts";

/** verl's algorithm.kl_ctrl.type. */
export const KL_CONTROLS = ["fixed", "adaptive"] as const;
export type KlControl = (typeof KL_CONTROLS)[number];

/** verl's algorithm.kl_ctrl. */
export interface KlControlSettings {
  readonly type: KlControl;
  /** The coefficient at the start, and always if fixed. */
  readonly coef: number;
  /** Distance that the adaptive one aims at, nats per token. */
  readonly target: number;
  /** Sequences over which it reacts. */
  readonly horizon: number;
}

/** What a checkpoint keeps; plain data. */
export interface KlControlState {
  readonly coef: number;
}

/** Largest reaction to one step, of the distance relative to its target. */
const MAX_ERROR = 0.2;
/** In the denominator of a mean over tokens, as in verl. */
const TINY = 1e-8;

/** The state before the first step. Throws UserError when an adaptive controller cannot work. */
export function klControlStart({ type, coef, target, horizon }: KlControlSettings): KlControlState {
  if (type === "adaptive" && !(horizon > 0 && target > 0)) {
    throw new UserError(
      `The KL controller is adaptive with target ${target} (algorithm.kl_ctrl.target_kl) and horizon ${horizon} (algorithm.kl_ctrl.horizon): it divides by both. Set both above 0, or algorithm.kl_ctrl.type to fixed.`,
    );
  }
  return { coef };
}

/** The state after a step of `sequences` responses whose mean distance was `kl`. */
export function klControlNext(
  { type, target, horizon }: KlControlSettings,
  { coef }: KlControlState,
  kl: number,
  sequences: number,
): KlControlState {
  if (type === "fixed") return { coef };
  const error = Math.min(MAX_ERROR, Math.max(-MAX_ERROR, kl / target - 1));
  return { coef: coef * (1 + (error * sequences) / horizon) };
}

/** Scores and log-probabilities of B responses, token by token, [B][length]. */
export interface KlRewardArgs {
  /** Scores before the penalty; a score of the whole response stands on its last token. */
  readonly tokenScores: readonly ArrayLike<number>[];
  readonly oldLogProb: readonly ArrayLike<number>[];
  readonly refLogProb: readonly ArrayLike<number>[];
  /** verl's algorithm.kl_penalty. */
  readonly type: KlType;
  readonly coef: number;
}

export interface KlReward {
  /** [B][length]. */
  readonly tokenRewards: Float64Array[];
  /** Mean over responses of their mean KL per token, nats: actor/reward_kl_penalty. An empty response counts as 0. */
  readonly kl: number;
}

/** Takes the penalty off the scores. */
export function applyKlToRewards({
  tokenScores,
  oldLogProb,
  refLogProb,
  type,
  coef,
}: KlRewardArgs): KlReward {
  let total = 0;
  const tokenRewards = tokenScores.map((scores, i) => {
    const [old, reference] = [oldLogProb[i], refLogProb[i]];
    if (old?.length !== scores.length || reference?.length !== scores.length)
      throw new BugError(`response ${i} has ${scores.length} scores and other numbers of log-probabilities`);
    const kl = Float64Array.from(scores, (_, t) => klPenalty(type, old[t]!, reference[t]!).value);
    total += kl.reduce((sum, value) => sum + value, 0) / (scores.length + TINY);
    return kl.map((value, t) => scores[t]! - coef * value);
  });
  return { tokenRewards, kl: total / tokenScores.length };
}
