// What an estimator of advantages is given, from what a step has: rewards by response, and whatever else its passes found.

import type { AdvantageArgs } from "./advantages/advantage.ts";
import type { ResponseMask } from "./advantages/masked.ts";
import type { StepBatches } from "./batches.ts";
import { overlongOf } from "./options/index.ts";
import type { RunConfig } from "./config.ts";
import type { StepSample } from "./sample.ts";
import type { JudgedRollout } from "./score.ts";

/** Everything but rewards, groups, lengths and settings. */
export interface AdvantageInputs extends Partial<
  Omit<AdvantageArgs, "rewards" | "groups" | "responseLengths" | "settings">
> {
  /** Where tokens are not trained on. */
  readonly mask?: ResponseMask;
}

/** What the passes of a step found of `rollouts`: the greedy baseline, and log-probabilities where squares belong to them. */
export function inputsOf(
  rollouts: readonly JudgedRollout[],
  { greedyBaseline }: Pick<StepSample, "greedyBaseline">,
  { numbers, sumSquaredProb, treatment }: Pick<StepBatches, "numbers" | "sumSquaredProb" | "treatment">,
): AdvantageInputs {
  const { mask, samplerWeight } = treatment;
  const isMasked = [...mask.values()].some((row) => row.includes(0));
  return {
    ...(isMasked && { mask: rollouts.map((rollout) => mask.get(rollout)!) }),
    ...(samplerWeight && { samplerWeight: rollouts.map((rollout) => samplerWeight.get(rollout)!) }),
    ...(greedyBaseline && { baselines: rollouts.map(({ group }) => greedyBaseline.scores[group]!) }),
    ...(sumSquaredProb && {
      oldLogProb: rollouts.map((rollout) => numbers.get(rollout)!.logProb),
      sumSquaredProb: rollouts.map((rollout) => sumSquaredProb.get(rollout)!),
    }),
  };
}

/**
 * Rewards kind by kind, [K][B], with the weight of each. What the reward has besides its components, the penalty for length and
 * KL, is one kind more, of weight 1. Undefined where responses were not judged by components.
 */
export function componentsOf(
  config: RunConfig,
  rollouts: readonly JudgedRollout[],
  tokenRewards: AdvantageArgs["tokenRewards"],
): { rewardComponents: number[][]; componentWeights: number[] } | undefined {
  const kinds = rollouts[0]?.components;
  if (!kinds) return undefined;
  const rewardComponents = kinds.map((_, k) => rollouts.map(({ components }) => components![k]!.score));
  const componentWeights = kinds.map(({ weight }) => weight);
  if (!tokenRewards && !overlongOf(config)) return { rewardComponents, componentWeights };
  const rest = rollouts.map(({ overlongPenalty, reward }, i) => {
    const sum = tokenRewards ? Array.from(tokenRewards[i]!).reduce((a, b) => a + b, 0) : reward.score;
    return overlongPenalty + sum - reward.score;
  });
  return { rewardComponents: [...rewardComponents, rest], componentWeights: [...componentWeights, 1] };
}
