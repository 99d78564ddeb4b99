// The group on show after its step: every token with its advantage, probability ratio and entropy.

import { IncrementalDecoder } from "../formats/tokenizer.ts";
import type { ScoredResponse, ScoredToken } from "./events.ts";
import type { Run } from "./run.ts";
import type { ScoredRollout } from "./score.ts";
import type { StepUpdate, TokenNumbers } from "./update.ts";

/** The responses to the first prompt, in the order in which they were written. */
export function scoredGroup(
  run: Run,
  rollouts: readonly ScoredRollout[],
  { tokens }: StepUpdate,
): ScoredResponse[] {
  return rollouts.flatMap((rollout, i) =>
    rollout.group === 0 ? [scoredResponse(run, rollout, tokens[i]!)] : [],
  );
}

function scoredResponse({ model }: Run, rollout: ScoredRollout, numbers: TokenNumbers): ScoredResponse {
  const decoder = new IncrementalDecoder(model.tokenizer);
  const tokens = rollout.tokens.map((token, t): ScoredToken => ({
    text: decoder.push(token),
    logProb: numbers.logProb[t]!,
    importanceRatio: Math.exp(numbers.logProb[t]! - rollout.samplerLogProb[t]!),
    entropy: numbers.entropy[t]!,
    advantage: rollout.advantage[t]!,
  }));
  const { text, reward, advantage, isTruncated } = rollout;
  return {
    text,
    tokens,
    reward: reward.score,
    advantage: advantage[0] ?? 0,
    isStrict: reward.strict,
    isFlexible: reward.flexible,
    isTruncated,
  };
}
