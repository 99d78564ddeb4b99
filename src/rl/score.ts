// Rewards of responses, and the advantages of those that a step trains on.

import type { RolloutResponse } from "../rollout/engine.ts";
import type { StepPrompt } from "./generate.ts";
import { advantagesOf, overlongOf } from "./options.ts";
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

/** A response of a step with everything that the update and the metrics need. */
export interface ScoredRollout extends JudgedResponse {
  /** Index of its prompt among the step's. */
  readonly group: number;
  /** Index within the group. */
  readonly sample: number;
  /** One per token. */
  readonly advantage: Float64Array;
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

/** Gives the tokens of every response their advantages. */
export function scoreGroups(
  { config }: Run,
  groups: readonly (readonly JudgedResponse[])[],
): ScoredRollout[] {
  const judged = groups.flatMap((responses, group) =>
    responses.map((response, sample) => ({ ...response, group, sample })),
  );
  const { estimator, settings } = advantagesOf(config);
  const advantages = estimator.estimate({
    rewards: judged.map(({ reward }) => reward.score),
    groups: judged.map(({ group }) => group),
    responseLengths: judged.map(({ tokens }) => tokens.length),
    settings,
  });
  return judged.map((rollout, i) => ({ ...rollout, advantage: advantages[i]! }));
}
