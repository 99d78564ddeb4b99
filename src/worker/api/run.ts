// The run under way, between page and worker.

import type { RunConfig } from "../../rl/config.ts";
import type { Evaluation, RunEvent } from "../../rl/events.ts";
import type { MetricRow } from "../../rl/metrics.ts";
import type { VerlImport } from "../../rl/verl/imported.ts";

/** What a page shows of a run that it did not see from its beginning. */
export interface RunSnapshot {
  readonly id: string;
  readonly config: RunConfig;
  readonly history: readonly MetricRow[];
  readonly evaluations: readonly Evaluation[];
}

export interface RunApi {
  /**
   * Begins a run with the loaded model and problems, and returns once it is under way. `kept` is what an import has kept
   * for a cluster; it stays with the run.
   */
  start(
    config: RunConfig,
    kept: VerlImport["kept"],
    onEvent: (event: RunEvent) => void,
  ): Promise<RunSnapshot>;
  /**
   * Continues a kept run from its newest checkpoint, or from `step`, with `changes` on top of its settings. If it is this
   * tab's own, it is stopped first. Rejects when another tab has it, or when a run cannot change such a setting.
   */
  resumeRun(
    id: string,
    step: number | undefined,
    changes: Readonly<Record<string, unknown>>,
    onEvent: (event: RunEvent) => void,
  ): Promise<RunSnapshot>;
  /** Answers at once; the state event "paused" follows, after a checkpoint. */
  pause(): Promise<void>;
  /** Goes on after a pause. */
  proceed(): Promise<void>;
  /** Ends the run for good after a checkpoint; it stays resumable. */
  stop(): Promise<void>;
  /** Evaluates after the current step. */
  evaluateSoon(): Promise<void>;
  /** Writes a checkpoint as soon as the weights are whole. */
  saveSoon(): Promise<void>;
}
