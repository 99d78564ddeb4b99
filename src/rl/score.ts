// Rewards of responses, and the advantages of those that a step trains on.

import { BugError } from "../common/errors.ts";
import type { RolloutResponse } from "../rollout/engine.ts";
import type { AdvantageArgs } from "./advantages/advantage.ts";
import type { Estimate } from "./advantages/masked.ts";
import { estimateMasked } from "./advantages/masked.ts";
import type { AdvantageInputs } from "./advantage-inputs.ts";
import { componentsOf } from "./advantage-inputs.ts";
import type { StepPrompt } from "./generate.ts";
import { advantagesOf, overlongOf } from "./options/index.ts";
import { answerMatches } from "./rewards/gsm8k.ts";
import type { RewardComponent } from "./rewards/judge.ts";
import { overlongPenalty } from "./rewards/overlong.ts";
import type { Run } from "./run.ts";

/** A judgement of one response. */
export interface RewardScore {
  /** What training sees: the weighted sum of the rewards, with the penalty for length. */
  readonly score: number;
  /** Right number in the demanded form. */
  readonly strict: boolean;
  /** Right number, wherever it stands. */
  readonly flexible: boolean;
}

/** A response that has been judged. */
export interface JudgedResponse {
  readonly tokens: readonly number[];
  readonly samplerLogProb: readonly number[];
  readonly isTruncated: boolean;
  readonly text: string;
  readonly reward: RewardScore;
  /** 0 or below. */
  readonly overlongPenalty: number;
  /**
   * What each reward that is on gave: what the reward is made of besides the penalty, in the same order and with the same weights
   * for all responses of a run.
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

/** Judges the responses to one prompt. Throws RewardFunctionError where a person's function gives no score. */
export async function judgeGroup(
  { config, model, judge }: Run,
  { item: { problem } }: StepPrompt,
  responses: readonly RolloutResponse[],
): Promise<JudgedResponse[]> {
  const overlong = overlongOf(config);
  const judged: JudgedResponse[] = [];
  for (const { tokens, samplerLogProb, finishReason } of responses) {
    const text = model.tokenizer.decode(tokens, { skipSpecialTokens: true });
    const { score, components } = await judge.judge({ response: text, tokens: tokens.length, problem });
    const penalty = overlong ? overlongPenalty(tokens.length, overlong) : 0;
    judged.push({
      tokens,
      samplerLogProb,
      isTruncated: finishReason === "length",
      text,
      reward: { ...answerMatches(text, problem.groundTruth), score: score + penalty },
      components,
      overlongPenalty: penalty,
    });
  }
  return judged;
}

/** The responses of a step's groups with their places, group by group. */
export const rolloutsOf = (groups: readonly (readonly JudgedResponse[])[]): JudgedRollout[] =>
  groups.flatMap((responses, group) => responses.map((response, sample) => ({ ...response, group, sample })));

/** The advantage of every token, 0 for those that are not trained on. `inputs` has what the run's estimator needs besides rewards, by rollout. */
export function advantagesFor(
  run: Pick<Run, "config">,
  rollouts: readonly JudgedRollout[],
  inputs: AdvantageInputs = {},
): Map<JudgedRollout, Float64Array> {
  const { estimator } = advantagesOf(run.config);
  const advantages = estimateOf((args) => estimator.estimate(args), run, rollouts, inputs);
  return new Map(rollouts.map((rollout, i) => [rollout, advantages[i]!]));
}

/** What the critic should have said before every token. Throws BugError under an estimator that needs no critic. */
export function returnsFor(
  run: Pick<Run, "config">,
  rollouts: readonly JudgedRollout[],
  inputs: AdvantageInputs,
): Map<JudgedRollout, Float64Array> {
  const { estimator } = advantagesOf(run.config);
  const toLearn = (args: AdvantageArgs): Float64Array[] => {
    const returns = estimator.returns?.(args);
    if (returns) return returns;
    throw new BugError(`the advantage estimator ${estimator.id} has nothing for a critic to learn`);
  };
  const returns = estimateOf(toLearn, run, rollouts, inputs);
  return new Map(rollouts.map((rollout, i) => [rollout, returns[i]!]));
}

function estimateOf(
  estimate: Estimate,
  run: Pick<Run, "config">,
  rollouts: readonly JudgedRollout[],
  { mask, ...inputs }: AdvantageInputs,
): Float64Array[] {
  const args = argsOf(run, rollouts, inputs);
  return mask ? estimateMasked(estimate, args, mask) : estimate(args);
}

function argsOf(
  { config }: Pick<Run, "config">,
  rollouts: readonly JudgedRollout[],
  inputs: Omit<AdvantageInputs, "mask">,
): AdvantageArgs {
  const { settings } = advantagesOf(config);
  const { componentWeights, ...components } = componentsOf(config, rollouts, inputs.tokenRewards) ?? {};
  return {
    // Where there are token rewards they count instead.
    rewards: rollouts.map(({ reward }) => reward.score),
    groups: rollouts.map(({ group }) => group),
    responseLengths: rollouts.map(({ tokens }) => tokens.length),
    ...inputs,
    ...components,
    settings: { ...settings, ...(componentWeights && { componentWeights }) },
  };
}
