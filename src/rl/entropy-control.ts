// An entropy bonus that follows the entropy: it grows by a fixed amount after every update whose mean entropy was at or below a
// target and shrinks after every other, and it is paid only while the last entropy was at or below the target.
// Source: TRL trl/trainer/grpo_trainer.py, use_adaptive_entropy; Skywork Open Reasoner 1, arXiv:2505.22312. Differs: before
// anything is measured the bonus is paid as it was set.

import { UserError } from "../common/errors.ts";

export interface EntropyControlSettings {
  /** The coefficient before the first update, verl's entropy_coeff. */
  readonly start: number;
  /** Mean entropy of a token, nats. */
  readonly target: number;
  /** Change of the coefficient after an update. */
  readonly delta: number;
  readonly min: number;
  readonly max: number;
}

/** What a checkpoint keeps; plain data. */
export interface EntropyControlState {
  readonly coef: number;
  /** Mean entropy in the last update, nats; absent before the first. */
  readonly entropy?: number;
}

/** The state before the first update. Throws UserError when the bounds are in the wrong order. */
export function entropyControlStart({ start, min, max }: EntropyControlSettings): EntropyControlState {
  if (min > max)
    throw new UserError(
      `The entropy bonus is to stay above ${min} (gradus.entropy_coef_min) and below ${max} (gradus.entropy_coef_max): no number does. Set the first below the second.`,
    );
  return { coef: start };
}

/** The coefficient of the next update. */
export const entropyCoefficient = (
  { target }: EntropyControlSettings,
  { coef, entropy }: EntropyControlState,
): number => (entropy === undefined || entropy <= target ? coef : 0);

/** The state after an update whose tokens had this mean entropy. */
export function entropyControlNext(
  { target, delta, min, max }: EntropyControlSettings,
  { coef }: EntropyControlState,
  entropy: number,
): EntropyControlState {
  const next = entropy <= target ? Math.min(coef + delta, max) : Math.max(coef - delta, min);
  return { coef: next, entropy };
}
