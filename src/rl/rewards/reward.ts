// What a reward is: it judges one response to one problem with a number. Which rewards there are is in index.ts; what several of
// them come to is judge.ts.

import type { Problem } from "../../formats/problem.ts";
import type { PythonRule } from "./python.ts";

export interface RewardSettings {
  /** Score of an answer in the right form that is not the right one (gradus.format_score). */
  readonly formatScore: number;
  /** Longest response, tokens. */
  readonly maxLength: number;
  /** Text of the person's own function, JavaScript. */
  readonly ownFunction: string;
  /** Time that it has for one response. */
  readonly ownFunctionMs: number;
}

export interface RewardArgs {
  /** Text of the response, without special tokens. */
  readonly response: string;
  /** Tokens of the response, its end among them. */
  readonly tokens: number;
  readonly problem: Pick<Problem, "groundTruth" | "dataSource" | "extraInfo">;
}

/** What a run does with a reward that must be started first. */
export interface OpenedReward {
  /** Rejects with RewardFunctionError. */
  score(args: RewardArgs): Promise<number>;
  dispose(): void;
}

interface Described {
  readonly id: string;
  readonly label: string;
  /** One or two sentences. */
  readonly description: string;
  /** Data sources that this rule is for, besides problems that name none; absent: any. */
  readonly dataSources?: readonly string[];
  readonly paper?: { readonly title: string; readonly url: string };
  /** How this differs from the paper, or from what others do under this name. */
  readonly differs: string;
  /** Keys of the run's configuration that it reads. */
  readonly params: readonly string[];
  /** What the score is multiplied with unless a recipe says otherwise; 0: off. */
  readonly defaultWeight: number;
  /** Reads the constants of rl/verl/reward-file.ts; gives the same scores. */
  readonly python: PythonRule;
}

/** A rule of ours. */
export interface RewardRule extends Described {
  /** Judges one response; never throws, whatever the text. */
  score(args: RewardArgs, settings: RewardSettings): number;
}

/** A function of the person's. */
export interface RewardFunction extends Described {
  /** Throws RewardFunctionError where it can be told without a response that it will not do. */
  open(settings: RewardSettings): Promise<OpenedReward>;
}

/** One entry of the list of rewards. */
export type Reward = RewardRule | RewardFunction;

export interface WeightedReward {
  readonly reward: Reward;
  readonly weight: number;
}
