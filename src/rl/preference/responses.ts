// Ranking and pairing of one prompt's responses with the arguments that the description of group preference gives them: texts and
// the answer they are judged by. A step has its rewards already and uses rank.ts.

import { gradedScore } from "../rewards/graded.ts";
import type { RankedResponse, RewardPair } from "./rank.ts";
import { pairsByReward, rankByReward } from "./rank.ts";

/** Judges one response, from 0 to 1: `compute_score` of the description. Must return a finite number. */
export type ScoreResponse = (dataSource: string, solution: string, groundTruth: string) => number;

/** The description's margin. */
const MARGIN = 0.1;

/** The description's four levels, whatever the data source. */
const byGrade: ScoreResponse = (_, response, groundTruth) => gradedScore(response, groundTruth);

/**
 * `rank_responses`: [index, score] of every response, from the highest score to the lowest; equal ones keep their order.
 * `dataSource` is empty where the data names none. Throws UserError on a score that is not finite.
 */
export const rankResponses = (
  responses: readonly string[],
  groundTruth: string,
  dataSource: string,
  score: ScoreResponse = byGrade,
): RankedResponse[] => rankByReward(responses, scoresOf(responses, groundTruth, dataSource, score));

/**
 * `get_preference_pairs`: [chosen, rejected, difference] of every two responses whose scores differ by more than `margin`, in
 * the order of the ranking.
 */
export const getPreferencePairs = (
  responses: readonly string[],
  groundTruth: string,
  dataSource: string,
  margin: number = MARGIN,
  score: ScoreResponse = byGrade,
): RewardPair<string>[] =>
  pairsByReward(responses, scoresOf(responses, groundTruth, dataSource, score), margin);

const scoresOf = (
  responses: readonly string[],
  groundTruth: string,
  dataSource: string,
  score: ScoreResponse,
): number[] => responses.map((response) => score(dataSource, response, groundTruth));
