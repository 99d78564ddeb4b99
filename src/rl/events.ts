// What a run tells while it goes on: plain data that crosses a worker boundary or ends in a terminal. Whoever listens decides
// what to show; nothing here is needed to go on.

import type { MetricRow } from "./metrics.ts";

export const RUN_STATES = ["loading", "running", "pausing", "paused", "finished", "failed"] as const;
export type RunState = (typeof RUN_STATES)[number];

/** What takes time, in the order of a step. */
const PHASES = [
  "load",
  "evaluate",
  "rollout",
  "greedy",
  "oldLogProb",
  "reference",
  "values",
  "updateCritic",
  "update",
  "save",
] as const;
export type Phase = (typeof PHASES)[number];

/** One response of the group that is shown. */
export interface LiveResponse {
  readonly text: string;
  /** Tokens so far. */
  readonly length: number;
  readonly isFinished: boolean;
}

/** A token of a scored response. */
export interface ScoredToken {
  readonly text: string;
  /** Log-probability under the policy, nats. */
  readonly logProb: number;
  /** exp(logProb - samplerLogProb): how far training and sampling disagree, 1 on-policy. */
  readonly importanceRatio: number;
  /** Nats. */
  readonly entropy: number;
  readonly advantage: number;
}

/** What one reward gave a response, before its weight. */
export interface ScoredPart {
  readonly label: string;
  readonly score: number;
}

export interface ScoredResponse {
  readonly text: string;
  readonly tokens: readonly ScoredToken[];
  readonly reward: number;
  /** What it is made of, a part for each reward that is on. */
  readonly parts: readonly ScoredPart[];
  readonly advantage: number;
  readonly isStrict: boolean;
  readonly isFlexible: boolean;
  /** Cut at the longest response. */
  readonly isTruncated: boolean;
  /** Of a given pair: which of the two it is. `reward` is then the implicit one. */
  readonly verdict?: "chosen" | "rejected";
}

/** One held-out problem as it was answered. */
export interface EvaluationSample {
  readonly question: string;
  readonly groundTruth: string;
  readonly response: string;
  readonly isStrict: boolean;
  readonly isFlexible: boolean;
}

/** Accuracy with the 95 % interval of Wilson, shares from 0 to 1. */
export interface Accuracy {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

export interface Evaluation {
  readonly step: number;
  /** Problems answered. */
  readonly n: number;
  readonly strict: Accuracy;
  readonly flexible: Accuracy;
  /** Mean, tokens. */
  readonly responseLength: number;
  /** In the order of the held-out problems. */
  readonly samples: readonly EvaluationSample[];
}

export type RunEvent =
  | { readonly type: "state"; readonly state: RunState; readonly step: number; readonly message?: string }
  | {
      readonly type: "progress";
      readonly phase: Phase;
      /** The step being taken, from 1; 0 before the first. */
      readonly step: number;
      readonly done: number;
      readonly total: number;
      /** Of this phase, once it can be told. */
      readonly secondsLeft?: number;
      /** Of the whole run. */
      readonly runSecondsLeft?: number;
    }
  | {
      /** A step has begun: this prompt's group is shown. */
      readonly type: "group";
      readonly step: number;
      readonly question: string;
      readonly groundTruth: string;
      readonly samples: number;
    }
  | { readonly type: "responses"; readonly step: number; readonly responses: readonly LiveResponse[] }
  | {
      /** The first group that a step trains on, which dynamic sampling may have chosen after the one that was shown. */
      readonly type: "scored";
      readonly step: number;
      readonly question: string;
      readonly groundTruth: string;
      readonly responses: readonly ScoredResponse[];
    }
  | { readonly type: "metrics"; readonly row: MetricRow }
  | { readonly type: "evaluation"; readonly evaluation: Evaluation }
  | { readonly type: "checkpoint"; readonly step: number; readonly bytes: number }
  | { readonly type: "notice"; readonly message: string };

export type RunListener = (event: RunEvent) => void;
