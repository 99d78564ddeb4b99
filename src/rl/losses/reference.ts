// The whole objective in double precision: policy term with its weights, KL, entropy and counts. The reference of
// shaders/policy_loss.wgsl, and what the losses of the papers are tested with. Training does not run it.

import { BugError } from "../../common/errors.ts";
import { klPenalty } from "./kl.ts";
import type { LossBatch, LossToken, Objective, TokenLoss } from "./policy-loss.ts";
import { isCounted, SEQUENCE_TERMS, sequenceLengths } from "./policy-loss.ts";
import { selectedTokens } from "./selection.ts";
import type { LossStatId, LossStats } from "./stats.ts";
import { LOSS_STATS } from "./stats.ts";

/** The policy's own numbers for R response tokens. */
export interface PolicyValues {
  /** [R]. */
  readonly logProb: ArrayLike<number>;
  readonly entropy: ArrayLike<number>;
  /** [R]; needed with a KL term. */
  readonly refLogProb?: ArrayLike<number>;
}

export interface ObjectiveValue {
  /** What is minimised. */
  readonly loss: number;
  /** Loss of each token before any weight, [R]. */
  readonly tokenLoss: Float64Array;
  /** KL estimate of each token before any weight, [R]; 0 without a KL term. */
  readonly tokenKl: Float64Array;
  /** Gradients of `loss`, [R] each. */
  readonly dLogProb: Float64Array;
  readonly dEntropy: Float64Array;
  readonly stats: LossStats;
}

const NO_KL = { value: 0, gradient: 0 };
/** A token that is masked. */
const NO_LOSS: TokenLoss = {
  loss: 0,
  dLogProb: 0,
  clippedLow: 0,
  clippedHigh: 0,
  clippedDual: 0,
  ppoKl: 0,
};
/** `weight * value`, and 0 for the weight 0 whatever the value is. */
const weighed = (weight: number, value: number): number => (weight === 0 ? 0 : weight * value);

/** The objective over R response tokens: loss, its gradients [R] and counts. Throws BugError on a missing reference. */
export function objectiveReference(
  policy: PolicyValues,
  batch: LossBatch,
  objective: Objective,
): ObjectiveValue {
  const { loss, params, kl: penalty, entropyCoef } = objective;
  const rows = policy.logProb.length;
  if (penalty && !policy.refLogProb) throw new BugError("a KL term needs the reference's log-probabilities");
  const tokens = tokensOf(policy, batch, objective);
  const means = sequenceMeans(objective, tokens, batch);
  const result = {
    tokenLoss: new Float64Array(rows),
    tokenKl: new Float64Array(rows),
    dLogProb: new Float64Array(rows),
    dEntropy: new Float64Array(rows),
  };
  const stats = Object.fromEntries(LOSS_STATS.map(({ id }) => [id, 0])) as Record<LossStatId, number>;
  tokens.forEach((token, r) => {
    const isOn = isCounted(batch.mask, r);
    const term = isOn ? loss.tokenLoss(token, means[r]!, params) : NO_LOSS;
    const weight = isOn ? batch.weight[r]! * (loss.appliesSamplerWeight ? 1 : token.samplerWeight) : 0;
    const penaltyWeight = (batch.penaltyWeight ?? batch.weight)[r]!;
    const entropy = policy.entropy[r]!;
    const reference = policy.refLogProb?.[r] ?? 0;
    const kl = penalty ? klPenalty(penalty.type, token.logProb, reference) : NO_KL;
    result.tokenLoss[r] = term.loss;
    result.tokenKl[r] = kl.value;
    result.dLogProb[r] =
      weighed(weight, term.dLogProb) + weighed((penalty?.coef ?? 0) * penaltyWeight, kl.gradient);
    result.dEntropy[r] = -entropyCoef * penaltyWeight;
    const dLogProb = result.dLogProb[r]!;
    addStats(
      stats,
      tokenStats({ token, isOn, term, weight, penaltyWeight, entropy, kl: kl.value, reference, dLogProb }),
    );
  });
  const value = stats.pgLoss + (penalty?.coef ?? 0) * stats.klLoss - entropyCoef * stats.entropyLoss;
  return { loss: value, ...result, stats };
}

function tokensOf(policy: PolicyValues, batch: LossBatch, { loss, params }: Objective): LossToken[] {
  const lengths = sequenceLengths(batch.sequenceStarts, batch.mask);
  const tokens = lengths.map((length, r): LossToken => {
    const logProb = policy.logProb[r]!;
    return {
      logProb,
      oldLogProb: batch.oldLogProb === "current" ? logProb : batch.oldLogProb[r]!,
      advantage: batch.advantage[r]!,
      samplerWeight: batch.samplerWeight?.[r] ?? 1,
      length,
      isSelected: 0,
    };
  });
  if (!loss.selection) return tokens;
  const isSelected = selectedTokens(loss.selection, tokens, batch, params);
  return tokens.map((token, r) => ({ ...token, isSelected: isSelected[r]! }));
}

/** Means of the loss's sequence terms, the same list for every token of a sequence. */
function sequenceMeans(
  { loss, params }: Objective,
  tokens: readonly LossToken[],
  { sequenceStarts: starts, mask }: LossBatch,
): (readonly number[])[] {
  if (!loss.sequenceTerm) return tokens.map(() => []);
  const means: (readonly number[])[] = [];
  for (let s = 0; s + 1 < starts.length; s++) {
    const [start, end] = [starts[s]!, starts[s + 1]!];
    const terms = tokens
      .slice(start, end)
      .filter((_, t) => isCounted(mask, start + t))
      .map((token) => loss.sequenceTerm!(token, params));
    const mean = Array.from(
      { length: SEQUENCE_TERMS },
      (_, k) => terms.reduce((sum, term) => sum + (term[k] ?? 0), 0) / Math.max(terms.length, 1),
    );
    for (let r = start; r < end; r++) means.push(mean);
  }
  return means;
}

interface TokenTerms {
  readonly token: LossToken;
  /** False: masked. */
  readonly isOn: boolean;
  readonly term: TokenLoss;
  readonly weight: number;
  readonly penaltyWeight: number;
  readonly entropy: number;
  readonly kl: number;
  readonly reference: number;
  readonly dLogProb: number;
}

function tokenStats(terms: TokenTerms): LossStats {
  const { token, isOn, term, weight, penaltyWeight, entropy, kl } = terms;
  const penalties = { klLoss: weighed(penaltyWeight, kl), entropyLoss: weighed(penaltyWeight, entropy) };
  if (!isOn) return { ...NO_STATS, ...penalties };
  const x = Math.min(20, Math.max(-20, token.logProb - token.oldLogProb));
  const importanceRatio = Math.exp(x);
  const given = [token.logProb, token.oldLogProb, token.advantage, terms.reference];
  const made = [weighed(weight, term.loss), terms.dLogProb, penalties.entropyLoss, penalties.klLoss];
  return {
    pgLoss: weighed(weight, term.loss),
    ...penalties,
    tokens: 1,
    entropy,
    klRef: kl,
    ppoKl: term.ppoKl,
    approxKl: importanceRatio - 1 - x,
    clippedLow: term.clippedLow,
    clippedHigh: term.clippedHigh,
    clippedDual: term.clippedDual,
    importanceRatio,
    weight,
    samplerWeight: token.samplerWeight,
    notFinite: [...given, ...made].every(Number.isFinite) ? 0 : 1,
    ratioDeviation: Math.abs(importanceRatio - 1),
  };
}

const NO_STATS: LossStats = Object.fromEntries(LOSS_STATS.map(({ id }) => [id, 0])) as LossStats;

function addStats(sums: Record<LossStatId, number>, values: LossStats): void {
  for (const { id, reduce } of LOSS_STATS) {
    sums[id] = reduce === "max" ? Math.max(sums[id], values[id]) : sums[id] + values[id];
  }
}
