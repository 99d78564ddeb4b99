// The critic's part of a step: what it says of the responses before anything is learnt, and what it then learns of them.

import type { AdvantageInputs } from "../advantage-inputs.ts";
import type { StepBatches } from "../batches.ts";
import type { StepControl } from "../control.ts";
import { timed } from "../control.ts";
import type { MetricRow } from "../metrics.ts";
import type { Run } from "../run.ts";
import type { JudgedRollout } from "../score.ts";
import { returnsFor } from "../score.ts";
import type { CriticProgress } from "../state.ts";
import { criticStepMetrics } from "./metrics.ts";
import type { RunCritic, Values } from "./run-critic.ts";
import { valuesOf } from "./run-critic.ts";
import type { CriticUpdate } from "./update.ts";
import { updateCritic } from "./update.ts";

/** A critic that has said what it expects of a step's responses. */
export interface CriticOpinion {
  readonly critic: RunCritic;
  readonly values: Values;
  readonly seconds: number;
}

/** Asks the critic; undefined in a run without one. Throws Interrupted when the step is left. */
export async function askCritic(
  { critic }: Run,
  rollouts: readonly JudgedRollout[],
  batches: StepBatches,
  control: StepControl,
): Promise<CriticOpinion | undefined> {
  if (!critic) return undefined;
  const { value: values, seconds } = await timed(() => valuesOf(critic, batches, rollouts, control));
  return { critic, values, seconds };
}

export interface CriticStep extends Pick<CriticUpdate, "updates"> {
  readonly metrics: MetricRow;
  /** Of asking and learning. */
  readonly seconds: number;
}

/** What the critic is taught in a step. */
interface Lesson {
  readonly rollouts: readonly JudgedRollout[];
  readonly batches: StepBatches;
  /** What advantages were made of, the critic's values among it. */
  readonly inputs: AdvantageInputs;
}

/** Takes the critic's updates of a step after `progress`. Throws Interrupted before the first. */
export async function teachCritic(
  run: Run,
  { critic, values, seconds }: CriticOpinion,
  { rollouts, batches, inputs }: Lesson,
  progress: CriticProgress | undefined,
  control: StepControl,
): Promise<CriticStep> {
  const targets = { values, returns: returnsFor(run, rollouts, inputs) };
  const taken = progress?.optimizerSteps ?? 0;
  const update = await updateCritic(run, critic, batches, targets, taken, control);
  return {
    updates: update.updates,
    metrics: criticStepMetrics(targets, batches.treatment, update, seconds),
    seconds: seconds + update.seconds,
  };
}
