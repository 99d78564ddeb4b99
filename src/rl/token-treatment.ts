// What is decided about the tokens of a step once their old log-probabilities are known and before its updates: which are
// trained on, which are in the policy term, and how much they weigh for the sampler. Over the whole step or the whole
// mini-batch, so that nothing hangs on micro-batches. What follows the policy from update to update is loss-batch.ts.
// Source: verl verl/trainer/ppo/ray_trainer.py, compute_rollout_correction_and_add_to_batch; TRL trl/trainer/grpo_trainer.py.

import { sum } from "../common/numbers.ts";
import type { MiniBatch, TokenNumbers } from "./batches.ts";
import type { RunConfig } from "./config.ts";
import { quantile } from "./losses/token-options.ts";
import type { MetricRow } from "./metrics.ts";
import { bypassLossOf, correctionOf, driverOf } from "./options/index.ts";
import { correctRollouts } from "./rollout-correction.ts";
import type { JudgedRollout } from "./score.ts";

/** Numbers of tokens by rollout, [length]. */
export type PerToken<T extends ArrayLike<number>> = ReadonlyMap<JudgedRollout, T>;

export interface TokenTreatment {
  /** 1 for tokens that are trained on; 0 keeps a token out of the loss, of KL and entropy terms and of every count. */
  readonly mask: PerToken<Uint8Array>;
  /** Weights that correct for the sampler; absent: none. */
  readonly samplerWeight?: PerToken<Float64Array>;
  /** 1 for tokens that the policy term sees; absent: all. Counts and other terms do not look at it. */
  readonly policyTerm?: PerToken<Uint8Array>;
  readonly metrics: MetricRow;
}

/** Decides about the tokens of a step. `numbers` are those of the old policy wherever the settings ask for them. */
export function treatTokens(
  config: RunConfig,
  rollouts: readonly JudgedRollout[],
  miniBatches: readonly MiniBatch[],
  numbers: ReadonlyMap<JudgedRollout, TokenNumbers>,
): TokenTreatment {
  const { masksTruncated, entropyQuantile } = driverOf(config);
  const correction = bypassLossOf(config) ? undefined : correctionOf(config);
  const hasTokens = rollouts.some(({ tokens }) => tokens.length > 0);
  const corrected =
    correction && hasTokens
      ? correctRollouts({
          oldLogProb: rollouts.map((rollout) => numbers.get(rollout)!.logProb),
          samplerLogProb: rollouts.map(({ samplerLogProb }) => samplerLogProb),
          settings: correction,
        })
      : undefined;
  const mask = new Map(
    rollouts.map((rollout, i): [JudgedRollout, Uint8Array] => {
      const { tokens, isTruncated } = rollout;
      if (masksTruncated && isTruncated) return [rollout, new Uint8Array(tokens.length)];
      return [rollout, corrected?.responseMask[i] ?? new Uint8Array(tokens.length).fill(1)];
    }),
  );
  const weights = corrected?.weights;
  return {
    mask,
    ...(weights && { samplerWeight: new Map(rollouts.map((rollout, i) => [rollout, weights[i]!])) }),
    ...(entropyQuantile !== undefined && {
      policyTerm: highEntropy(miniBatches, numbers, mask, entropyQuantile),
    }),
    metrics: corrected?.metrics ?? {},
  };
}

/** Numbers of the tokens of `rollouts` without those that are not trained on, [B][left]. */
export const ofTrained = (
  rollouts: readonly JudgedRollout[],
  numbers: PerToken<ArrayLike<number>>,
  { mask }: Pick<TokenTreatment, "mask">,
): number[][] =>
  rollouts.map((rollout) => Array.from(numbers.get(rollout)!).filter((_, t) => mask.get(rollout)![t] === 1));

/** The rollouts of a mini-batch that have tokens. */
export const rolloutsIn = ({ micros }: Pick<MiniBatch, "micros">): JudgedRollout[] => [
  ...new Set(micros.flatMap(({ rollouts }) => rollouts)),
];

/** Tokens of a mini-batch that are trained on: verl's batch_num_tokens. */
export const trainedTokens = (batch: Pick<MiniBatch, "micros">, { mask }: TokenTreatment): number =>
  sum(rolloutsIn(batch).map((rollout) => sum(Array.from(mask.get(rollout)!))));

/** 1 for the tokens whose entropy is at or above the `share` quantile of those of their mini-batch that are trained on. */
function highEntropy(
  miniBatches: readonly MiniBatch[],
  numbers: ReadonlyMap<JudgedRollout, TokenNumbers>,
  mask: PerToken<Uint8Array>,
  share: number,
): PerToken<Uint8Array> {
  const result = new Map<JudgedRollout, Uint8Array>();
  for (const batch of miniBatches) {
    const members = rolloutsIn(batch);
    const trained = members.flatMap((rollout) =>
      [...numbers.get(rollout)!.entropy].filter((_, t) => mask.get(rollout)![t] === 1),
    );
    const bound = trained.length > 0 ? quantile(trained, share) : Infinity;
    for (const rollout of members) {
      const { entropy } = numbers.get(rollout)!;
      result.set(
        rollout,
        Uint8Array.from(entropy, (value) => (value >= bound ? 1 : 0)),
      );
    }
  }
  return result;
}
