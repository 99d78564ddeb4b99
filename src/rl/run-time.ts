// How long a run still takes, by what its steps and evaluations took.

import { mean } from "../common/numbers.ts";
import type { RunConfig } from "./config.ts";
import type { RunProgress } from "./state.ts";

/** Steps whose mean tells how long the others take. */
const STEPS_TIMED = 10;

/** Seconds: the mean of the last steps for each that is left, and the evaluations still due. Undefined before the first step. */
export function runSecondsLeft({ step, history }: RunProgress, config: RunConfig): number | undefined {
  const steps = history.slice(-STEPS_TIMED).flatMap((row) => row["timing_s/step"] ?? []);
  if (steps.length === 0) return undefined;
  const total = config["trainer.total_training_steps"];
  const every = config["trainer.test_freq"];
  const due = every > 0 ? Math.ceil(total / every) - Math.floor(step / every) : 0;
  const testing = history.findLast((row) => row["timing_s/testing"] !== undefined)?.["timing_s/testing"] ?? 0;
  return mean(steps) * (total - step) + testing * due;
}
