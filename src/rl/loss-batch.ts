// What the loss takes of one micro-batch: advantages, weights and masks token by token, and what follows the policy from update
// to update, from its log-probabilities at that moment.
// Source: verl verl/workers/utils/losses.py and core_algos.py, compute_policy_loss_bypass_mode; TRL trl/trainer/grpo_trainer.py.

import type { Micro, MiniBatch, TokenNumbers } from "./batches.ts";
import type { RunConfig } from "./config.ts";
import { aggregationWeight } from "./losses/aggregate.ts";
import type { LossBatch, Objective } from "./losses/policy-loss.ts";
import { sequenceLengths, sequenceStarts } from "./losses/policy-loss.ts";
import { randomPerToken } from "./losses/selection.ts";
import { offPolicyMask, sequenceLevelOld } from "./losses/token-options.ts";
import { aggregationOf, bypassLossOf, correctionOf, driverOf } from "./options/index.ts";
import { correctRollouts } from "./rollout-correction.ts";
import type { JudgedRollout } from "./score.ts";
import type { PerToken, TokenTreatment } from "./token-treatment.ts";

/** What is known of a micro-batch besides itself. */
export interface LossBatchArgs {
  readonly config: RunConfig;
  readonly objective: Objective;
  readonly micro: Micro;
  readonly advantages: PerToken<Float64Array>;
  readonly treatment: TokenTreatment;
  readonly counts: MiniBatch["counts"];
  /** No other micro-batch of the run has this number. */
  readonly stream: number;
  /** What the policy says now; there where `followsPolicy`. */
  readonly current?: TokenNumbers | undefined;
}

/** Whether the batch of a loss hangs on what the policy says at that moment, so that it must be read first. */
export function followsPolicy(config: RunConfig, { oldLogProb }: Micro): boolean {
  const { isSequenceLevel, offPolicyThreshold } = driverOf(config);
  const bypass = bypassLossOf(config);
  return (
    offPolicyThreshold !== undefined ||
    (isSequenceLevel && (bypass ?? oldLogProb) !== undefined) ||
    (bypass !== undefined && correctionOf(config) !== undefined)
  );
}

/** The batch of the loss [R], in the order of the micro-batch's targets. */
export function lossBatchOf(args: LossBatchArgs): LossBatch {
  const { config, objective, micro, treatment, counts } = args;
  const { sources } = micro.batch;
  const starts = sequenceStarts(sources);
  const trained = atTargets(micro, (rollout, token) => treatment.mask.get(rollout)![token]!);
  const bypass = bypassed(args, starts);
  const mask = bypass?.mask ? trained.map((on, r) => on * bypass.mask![r]!) : trained;
  const sampler =
    bypass?.weights ??
    (treatment.samplerWeight &&
      atTargets(micro, (rollout, token) => treatment.samplerWeight!.get(rollout)![token]!));
  const { policy, penalty, tokenNormaliser } = aggregationOf(config, objective);
  const weights = (mode: typeof policy, counted: Float64Array): Float64Array =>
    Float64Array.from(sequenceLengths(starts, counted), (length, r) =>
      counted[r] === 0 ? 0 : aggregationWeight(mode, length, { ...counts, tokenNormaliser }),
    );
  const term = policyTerm(args, starts, mask);
  return {
    oldLogProb: oldLogProbOf(args, starts, mask),
    advantage: advantageOf(args),
    weight: weights(policy, mask).map((weight, r) => weight * (term?.[r] ?? 1)),
    penaltyWeight: weights(penalty, trained),
    ...(sampler && { samplerWeight: sampler }),
    mask,
    sequenceStarts: starts,
    random: randomPerToken([config["data.seed"], args.stream], sources.length),
  };
}

/** One number for each target, from its rollout and its place in it. */
export const atTargets = (
  { batch: { sources }, rollouts }: Micro,
  value: (rollout: JudgedRollout, token: number) => number,
): Float64Array => Float64Array.from(sources, ({ token }, r) => value(rollouts[r]!, token));

const advantageOf = ({ micro, advantages }: LossBatchArgs): Float64Array =>
  atTargets(micro, (rollout, token) => advantages.get(rollout)![token]!);

const samplerLogProbOf = (micro: Micro): Float64Array =>
  atTargets(micro, (rollout, token) => rollout.samplerLogProb[token]!);

/** Old log-probabilities: the old policy's, the sampler's in bypass mode; of whole sequences where ratios are. */
function oldLogProbOf(
  { config, micro, current }: LossBatchArgs,
  starts: ArrayLike<number>,
  mask: Float64Array,
): LossBatch["oldLogProb"] {
  const old = bypassLossOf(config) ? samplerLogProbOf(micro) : micro.oldLogProb;
  if (!old) return "current";
  if (!driverOf(config).isSequenceLevel) return old;
  return sequenceLevelOld({ logProb: current!.logProb, starts, mask }, old);
}

/** 1 for tokens that the policy term sees, [R]; undefined when it sees all. */
function policyTerm(
  args: LossBatchArgs,
  starts: ArrayLike<number>,
  mask: Float64Array,
): readonly number[] | undefined {
  const { config, micro, treatment, current } = args;
  const chosen = treatment.policyTerm;
  const { offPolicyThreshold: threshold } = driverOf(config);
  if (!chosen && threshold === undefined) return undefined;
  const near =
    threshold !== undefined &&
    offPolicyMask(
      { logProb: current!.logProb, starts, mask },
      samplerLogProbOf(micro),
      advantageOf(args),
      threshold,
    );
  const high = chosen && atTargets(micro, (rollout, token) => chosen.get(rollout)![token]!);
  return Array.from(mask, (_, r) => (high?.[r] ?? 1) * (near ? near[r]! : 1));
}

/** Mask and weights from the policy as it is now, [R] each: those of bypass mode. */
function bypassed(
  { config, micro, current }: LossBatchArgs,
  starts: ArrayLike<number>,
): { readonly mask: number[]; readonly weights?: number[] } | undefined {
  const loss = bypassLossOf(config);
  const settings = loss && correctionOf(config);
  if (!settings || starts.length < 2) return undefined;
  const sampled = samplerLogProbOf(micro);
  const rows = <T extends ArrayLike<number> & { subarray(from: number, to: number): T }>(values: T): T[] =>
    Array.from({ length: starts.length - 1 }, (_, s) => values.subarray(starts[s]!, starts[s + 1]!));
  const { responseMask, weights } = correctRollouts({
    oldLogProb: rows(current!.logProb),
    samplerLogProb: rows(sampled),
    settings,
  });
  return {
    mask: responseMask.flatMap((row) => [...row]),
    // verl's clipped loss takes none.
    ...(weights && loss === "reinforce" && { weights: weights.flatMap((row) => [...row]) }),
  };
}
