// What a policy loss is: the loss of one token and its derivative, given the token, what is averaged over its sequence first and
// whether the token was selected among those of its micro-batch. The driver (reference.ts in double precision, launch.ts and shaders/policy_loss.wgsl on the device) adds weights, KL
// and entropy terms and counts. Which losses there are is in index.ts.

import { UserError } from "../../common/errors.ts";
import type { Paper } from "../advantages/advantage.ts";
import type { AggregationMode } from "./aggregate.ts";
import type { KlType } from "./kl.ts";

/** What a loss sees of a response token. */
export interface LossToken {
  readonly logProb: number;
  readonly oldLogProb: number;
  readonly advantage: number;
  /** Weight that corrects for the sampler, 1 without correction. The driver applies it, see `appliesSamplerWeight`. */
  readonly samplerWeight: number;
  /** Tokens of its sequence that are not masked. */
  readonly length: number;
  /** 1 when the loss's `selection` took it, else 0. */
  readonly isSelected: number;
}

/**
 * Loss of one token, before weights. Counts are 0 or 1; verl's actor/pg_clipfrac is the share of clippedLow and clippedHigh
 * together, its pg_clipfrac_lower that of clippedDual, and what a loss counts there is as verl's loss of that name counts.
 */
export interface TokenLoss {
  readonly loss: number;
  /** Derivative of the loss with respect to the token's logProb, by torch's conventions at kinks. */
  readonly dLogProb: number;
  readonly clippedLow: number;
  readonly clippedHigh: number;
  readonly clippedDual: number;
  /** What verl averages into actor/ppo_kl. */
  readonly ppoKl: number;
}

/** A setting that a loss reads. */
export interface LossParam<Name extends string = string> {
  readonly name: Name;
  /** Key of the run's configuration. */
  readonly key: string;
  /** Key that counts where `key` is not set. */
  readonly fallbackKey?: string;
  /** What counts where none is set; absent: the setting is needed. */
  readonly otherwise?: number;
}

export type LossParams<Name extends string = string> = Readonly<Record<Name, number>>;

/** Numbers that a loss may average over a sequence; lanes of a vec4f on the device. */
export const SEQUENCE_TERMS = 4;
/** Settings that a loss may have; `loss_0` to `loss_7` of the shader's params. */
export const MAX_LOSS_PARAMS = 8;

/** Tokens that a loss treats differently for how they compare with the others of their micro-batch. */
export interface TokenSelection<Name extends string = string> {
  /** The most tokens taken of `rows`, a whole number. */
  count(rows: number, params: LossParams<Name>): number;
  /** True when `key` reads `random`, a number in [0, 1) drawn for each token. */
  readonly isRandom: boolean;
  /**
   * The tokens with the smallest keys are taken, the first of equals; one with Infinity never is (NEVER_SELECTED in the
   * shader). `covariance` is (advantage - mean) * (logProb - mean), with means over the micro-batch.
   */
  key(token: LossToken, covariance: number, random: number, params: LossParams<Name>): number;
}

/** One entry of the list of policy losses. */
export interface PolicyLoss<Name extends string = string> {
  /** verl's name, actor_rollout_ref.actor.policy_loss.loss_mode; one of our own where verl has no such loss. */
  readonly id: string;
  readonly label: string;
  readonly description: string;
  readonly paper: Paper;
  /** How this differs from the paper. */
  readonly differs: string;
  /** In the order of `loss_0`, `loss_1` ... in the shader; at most 8. */
  readonly params: readonly LossParam<Name>[];
  /** Aggregation of the policy term where the loss fixes it; else the run's. KL and entropy follow the run's always. */
  readonly aggregation?: AggregationMode;
  /** True when the loss puts samplerWeight in itself, and the driver is to leave it out. */
  readonly appliesSamplerWeight?: boolean;
  /** Text of shaders/losses/<id>.wgsl. */
  readonly wgsl: string;
  /** Throws UserError when the settings make no sense. */
  check?(params: LossParams<Name>): void;
  /** Up to 4 numbers whose means over the sequence `tokenLoss` receives; absent: the loss looks at tokens alone. */
  sequenceTerm?(token: LossToken, params: LossParams<Name>): readonly number[];
  /** Absent: no token is selected. With it the text of the shader has selection_key too. */
  readonly selection?: TokenSelection<Name>;
  /** `sequenceMean` is empty without `sequenceTerm`. */
  tokenLoss(token: LossToken, sequenceMean: readonly number[], params: LossParams<Name>): TokenLoss;
}

/** Whether a loss stops or caps tokens above a bound and counts those as clippedHigh; one that selects counts those there. */
export const hasUpperClip = ({ params, selection }: PolicyLoss): boolean =>
  !selection && params.some(({ name }) => name === "clipHigh" || name === "cap");

/** What is minimised: sum of weight * (loss + kl.coef * KL - entropyCoef * entropy). */
export interface Objective {
  readonly loss: PolicyLoss;
  readonly params: LossParams;
  /** Absent: no reference policy. */
  readonly kl?: { readonly type: KlType; readonly coef: number };
  readonly entropyCoef: number;
}

/** What the driver needs to know of R response tokens besides the policy's own numbers; a sequence never straddles two. */
export interface LossBatch {
  /** f32[R]; "current" when the policy has not changed since: the ratio is then exactly 1. */
  readonly oldLogProb: ArrayLike<number> | "current";
  /** [R]. */
  readonly advantage: ArrayLike<number>;
  /** `aggregationWeight` for the policy term (with the loss's own mode, if it has one), [R]. */
  readonly weight: ArrayLike<number>;
  /** The same for KL and entropy, [R]; absent: as `weight`. */
  readonly penaltyWeight?: ArrayLike<number>;
  /** [R]; absent: 1. */
  readonly samplerWeight?: ArrayLike<number>;
  /**
   * 0 for tokens that are left out of the policy term, of means over their sequence and of every count, else 1, [R]; absent: 1.
   * Their penaltyWeight says whether KL and entropy see them.
   */
  readonly mask?: ArrayLike<number>;
  /** First token of every sequence, and R at the end, [S+1]. */
  readonly sequenceStarts: ArrayLike<number>;
  /** Numbers in [0, 1) for a selection at random, [R]; see `randomPerToken`. Other losses do not look at it. */
  readonly random?: ArrayLike<number>;
}

/** Where sequences start among targets [R] in the order of a micro-batch, with R at the end: u32[S+1]. */
export function sequenceStarts(sources: readonly { readonly token: number }[]): Uint32Array<ArrayBuffer> {
  const starts = sources.flatMap(({ token }, index) => (token === 0 ? [index] : []));
  return Uint32Array.from([...starts, sources.length]);
}

/** Tokens of the sequence that each token [R] belongs to, given the starts [S+1]; those that are masked do not count. */
export function sequenceLengths(starts: ArrayLike<number>, mask?: ArrayLike<number>): number[] {
  const lengths: number[] = [];
  for (let s = 0; s + 1 < starts.length; s++) {
    const [start, end] = [starts[s]!, starts[s + 1]!];
    let length = 0;
    for (let r = start; r < end; r++) if (isCounted(mask, r)) length++;
    for (let r = start; r < end; r++) lengths.push(length);
  }
  return lengths;
}

/** Whether token `r` counts under `mask` [R]; without one every token does. */
export const isCounted = (mask: ArrayLike<number> | undefined, r: number): boolean => mask?.[r] !== 0;

/** The settings of `loss` from a configuration. Throws UserError when one is missing or makes no sense. */
export function lossParams(loss: PolicyLoss, read: (key: string) => number | null | undefined): LossParams {
  const entries = loss.params.map(({ name, key, fallbackKey, otherwise }) => {
    const value = read(key) ?? (fallbackKey === undefined ? undefined : read(fallbackKey)) ?? otherwise;
    if (typeof value === "number" && Number.isFinite(value)) return [name, value] as const;
    throw new UserError(`${key} is ${value ?? "not set"}: the policy loss ${loss.id} needs a number there.`);
  });
  const params = Object.fromEntries(entries);
  loss.check?.(params);
  return params;
}
