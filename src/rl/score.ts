// Rewards of responses, and the advantages of those that a step trains on.

import type { RolloutResponse } from "../rollout/engine.ts";
import type { AdvantageInputs } from "./advantage-inputs.ts";
import { componentsOf } from "./advantage-inputs.ts";
import type { StepPrompt } from "./generate.ts";
import { advantagesOf, overlongOf } from "./options/index.ts";
import { rewardFor } from "./rewards/index.ts";
import { overlongPenalty } from "./rewards/overlong.ts";
import type { RewardScore } from "./rewards/index.ts";
import type { Run } from "./run.ts";

/** What one kind of reward gave a response. */
export interface RewardComponent {
  /** Id of the reward. */
  readonly id: string;
  /** Before its weight. */
  readonly score: number;
  readonly weight: number;
}

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
  /**
   * What its reward is made of besides the penalty, in the same order and with the same weights for all responses of a run;
   * absent where it is one judgement.
   */
  readonly components?: readonly RewardComponent[];
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

/** The advantage of every token. `inputs` has what the run's estimator needs besides rewards, by rollout. */
export function advantagesFor(
  { config }: Pick<Run, "config">,
  rollouts: readonly JudgedRollout[],
  inputs: AdvantageInputs = {},
): Map<JudgedRollout, Float64Array> {
  const { estimator, settings } = advantagesOf(config);
  const { componentWeights, ...components } = componentsOf(config, rollouts, inputs.tokenRewards) ?? {};
  const advantages = estimator.estimate({
    // Where there are token rewards they count instead.
    rewards: rollouts.map(({ reward }) => reward.score),
    groups: rollouts.map(({ group }) => group),
    responseLengths: rollouts.map(({ tokens }) => tokens.length),
    ...inputs,
    ...components,
    settings: { ...settings, ...(componentWeights && { componentWeights }) },
  });
  return new Map(rollouts.map((rollout, i) => [rollout, advantages[i]!]));
}
