// What a reward is: a rule that judges one response to one problem. Rewards with a model inside are none of these; which
// rewards there are is in index.ts.

import type { Problem } from "../../formats/problem.ts";

/** A judgement of one response. */
export interface RewardScore {
  /** What training sees. */
  readonly score: number;
  /** Right number in the demanded form. */
  readonly strict: boolean;
  /** Right number, wherever it stands. */
  readonly flexible: boolean;
}

export interface RewardArgs {
  /** Text of the response, without special tokens. */
  readonly response: string;
  readonly problem: Pick<Problem, "groundTruth" | "dataSource" | "extraInfo">;
  readonly settings: {
    /** Score of an answer in the right form that is not the right one. */
    readonly formatScore: number;
  };
}

/** One entry of the list of rewards. */
export interface Reward {
  readonly id: string;
  readonly label: string;
  readonly description: string;
  /** Data sources that verl judges by this rule. */
  readonly dataSources: readonly string[];
  readonly paper: { readonly title: string; readonly url: string };
  /** How this differs from the paper. */
  readonly differs: string;
  /** Keys of the run's configuration that it reads. */
  readonly params: readonly string[];
  /** Judges one response; never throws, whatever the text. */
  score(args: RewardArgs): RewardScore;
}
