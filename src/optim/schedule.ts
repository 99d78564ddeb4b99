// Learning rate as a function of the step, and nothing else: no state, so that a resumed run needs none.
//
// Steps count from 1, the step about to be taken. With W warm-up steps and T steps in all, as a fraction of baseLr:
//   step <= W   step / W, so that step W has the full rate
//   step > W    constant: 1;  linear: r + (1 - r) (1 - p);  cosine: r + (1 - r) (1 + cos(pi p)) / 2,
//               p = (step - 1 - W) / (T - W), r = minLrRatio, held at r after T
// After the warm-up this is get_{constant,linear,cosine}_schedule_with_warmup of Hugging Face and verl at the same step:
// their counter is step - 1. In the warm-up they give (step - 1) / W, which spends the first step on a rate of zero.

import { BugError } from "../common/errors.ts";

/** Shapes of the decay after the warm-up. */
export const SCHEDULES = ["constant", "cosine", "linear"] as const;
export type Schedule = (typeof SCHEDULES)[number];

export interface ScheduleOptions {
  /** Rate after the warm-up. */
  readonly baseLr: number;
  /** W; 0 for none. */
  readonly warmupSteps: number;
  /** T, warm-up included. */
  readonly totalSteps: number;
  readonly schedule: Schedule;
  /** Rate at the end as a fraction of baseLr; `constant` does not use it. */
  readonly minLrRatio: number;
}

/** Learning rate of step `step`, the first being 1. Throws BugError below 1. */
export function learningRate(step: number, options: ScheduleOptions): number {
  const { baseLr, warmupSteps, totalSteps, schedule, minLrRatio } = options;
  if (!(step >= 1)) throw new BugError(`learning rates are for steps from 1 on, not ${step}`);
  if (step <= warmupSteps) return (baseLr * step) / warmupSteps;
  const progress = Math.min(1, (step - 1 - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  return baseLr * (schedule === "constant" ? 1 : minLrRatio + (1 - minLrRatio) * DECAY[schedule](progress));
}

/** What is left of the rate above its minimum, 1 to 0, at progress 0 to 1. */
const DECAY: Record<Exclude<Schedule, "constant">, (progress: number) => number> = {
  linear: (progress) => 1 - progress,
  cosine: (progress) => (1 + Math.cos(Math.PI * progress)) / 2,
};
