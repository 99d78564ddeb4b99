// The group on show after its step: every token with its advantage, probability ratio and entropy.

import { IncrementalDecoder } from "../formats/tokenizer.ts";
import type { StepBatches, TokenNumbers } from "./batches.ts";
import type { ScoredResponse, ScoredToken } from "./events.ts";
import type { Run } from "./run.ts";
import type { JudgedRollout } from "./score.ts";
import type { Advantages } from "./update.ts";

/** The responses to the first prompt, in the order in which they were written. */
export function scoredGroup(
  run: Run,
  rollouts: readonly JudgedRollout[],
  { numbers }: StepBatches,
  advantages: Advantages,
): ScoredResponse[] {
  return rollouts
    .filter(({ group }) => group === 0)
    .map((rollout) => scoredResponse(run, rollout, numbers.get(rollout)!, advantages.get(rollout)!));
}

function scoredResponse(
  { model, judge }: Run,
  rollout: JudgedRollout,
  numbers: TokenNumbers,
  advantage: Float64Array,
): ScoredResponse {
  const decoder = new IncrementalDecoder(model.tokenizer);
  const tokens = rollout.tokens.map((token, t): ScoredToken => ({
    text: decoder.push(token),
    logProb: numbers.logProb[t]!,
    importanceRatio: Math.exp(numbers.logProb[t]! - rollout.samplerLogProb[t]!),
    entropy: numbers.entropy[t]!,
    advantage: advantage[t]!,
  }));
  const { text, reward, isTruncated } = rollout;
  return {
    text,
    tokens,
    reward: reward.score,
    parts: (rollout.components ?? []).map(({ score }, k) => ({
      label: judge.rewards[k]!.reward.label,
      score,
    })),
    advantage: advantage[0] ?? 0,
    isStrict: reward.strict,
    isFlexible: reward.flexible,
    isTruncated,
  };
}
