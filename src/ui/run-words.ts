// The state of a run in words and tone, for the top bar and wherever else it is named. Pure.

import type { RunView } from "./run-view.ts";

export interface RunWords {
  readonly text: string;
  readonly tone: "accent" | "good" | "warning" | "error" | "";
}

/** "Training, step 12 of 60" and the like. */
export function runWords(run: RunView): RunWords {
  const total = run.config?.["trainer.total_training_steps"];
  const steps = total === undefined ? `step ${run.step}` : `step ${run.step} of ${total}`;
  switch (run.state) {
    case "loading":
      return { text: "Getting ready", tone: "accent" };
    case "running":
      return { text: `Training, ${steps}`, tone: "accent" };
    case "pausing":
      return { text: `Pausing, ${steps}`, tone: "warning" };
    case "paused":
      return { text: `Paused, ${steps}`, tone: "warning" };
    case "finished":
      return total !== undefined && run.step < total
        ? { text: `Stopped, ${steps}`, tone: "" }
        : { text: `Finished, ${steps}`, tone: "good" };
    case "failed":
      return { text: `Stopped by an error, ${steps}`, tone: "error" };
  }
}
