// Rewards of responses, and the advantages of those that a step trains on.

import type { RolloutResponse } from "../rollout/engine.ts";
import type { StepPrompt } from "./generate.ts";
import { advantagesOf, overlongOf } from "./options/index.ts";
import { rewardFor } from "./rewards/index.ts";
import { overlongPenalty } from "./rewards/overlong.ts";
import type { RewardScore } from "./rewards/index.ts";
import type { Run } from "./run.ts";

/** A response that has been judged. */
export interface JudgedResponse {
  readonly tokens: readonly number[];
  readonly samplerLogProb: readonly number[];
  readonly isTruncated: boolean;
  readonly text: string;
  /** Its score has the penalty for length in it. */
  readonly reward: RewardScore;
  /** 0 or below. */
  readonly overlongPenalty: number;
}

/** A judged response with its place in the step. */
export interface JudgedRollout extends JudgedResponse {
  /** Index of its prompt among the step's. */
  readonly group: number;
  /** Index within the group. */
  readonly sample: number;
}

/** Judges the responses to one prompt. Throws UserError on a data source without reward. */
export function judgeGroup(
  { config, model }: Run,
  { item: { problem } }: StepPrompt,
  responses: readonly RolloutResponse[],
): JudgedResponse[] {
  const settings = { formatScore: config["gradus.format_score"] };
  const overlong = overlongOf(config);
  const reward = rewardFor(problem.dataSource);
  return responses.map(({ tokens, samplerLogProb, finishReason }) => {
    const text = model.tokenizer.decode(tokens, { skipSpecialTokens: true });
    const judged = reward.score({ response: text, problem, settings });
    const penalty = overlong ? overlongPenalty(tokens.length, overlong) : 0;
    return {
      tokens,
      samplerLogProb,
      isTruncated: finishReason === "length",
      text,
      reward: { ...judged, score: judged.score + penalty },
      overlongPenalty: penalty,
    };
  });
}

/** The responses of a step's groups with their places, group by group. */
export const rolloutsOf = (groups: readonly (readonly JudgedResponse[])[]): JudgedRollout[] =>
  groups.flatMap((responses, group) => responses.map((response, sample) => ({ ...response, group, sample })));

/** The advantage of every token. `tokenRewards` [rollouts][length], where rewards are not all on the last token. */
export function advantagesFor(
  { config }: Run,
  rollouts: readonly JudgedRollout[],
  tokenRewards?: readonly Float64Array[],
): Map<JudgedRollout, Float64Array> {
  const { estimator, settings } = advantagesOf(config);
  const advantages = estimator.estimate({
    rewards: rollouts.map(({ reward }, i) =>
      tokenRewards ? tokenRewards[i]!.reduce((sum, value) => sum + value, 0) : reward.score,
    ),
    groups: rollouts.map(({ group }) => group),
    responseLengths: rollouts.map(({ tokens }) => tokens.length),
    ...(tokenRewards && { tokenRewards }),
    settings,
  });
  return new Map(rollouts.map((rollout, i) => [rollout, advantages[i]!]));
}
