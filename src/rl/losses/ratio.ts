// Log-ratios and ratios of a token's probability under the policy and the old policy, as the losses take them. The same as in
// shaders/lib/loss_token.wgsl.

import { UserError } from "../../common/errors.ts";
import type { LossToken } from "./policy-loss.ts";

export const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x));

/** Where verl cuts a log-ratio; its derivative is 1 up to the bounds and 0 outside. */
export const clip20 = (x: number): number => clamp(x, -20, 20);

/** logProb - oldLogProb, nats. */
export const logRatio = ({ logProb, oldLogProb }: LossToken): number => logProb - oldLogProb;

/** sigma(z), and sigma(z) (1 - sigma(z)) without the loss of digits near 0 and 1. */
export function logistic(z: number): { value: number; slope: number } {
  const e = Math.exp(-Math.abs(z));
  const p = 1 / (1 + e);
  return { value: z >= 0 ? p : e * p, slope: e * p * p };
}

/** Counts of a loss that clips nothing. */
export const NOT_CLIPPED = { clippedLow: 0, clippedHigh: 0, clippedDual: 0 } as const;

/** TRL's two-sided clip: no ratio counts for more than this; off where it is not above 0. */
export const DELTA = { name: "delta", key: "gradus.delta", otherwise: -1 } as const;

/** The ratio held to `delta`, and whether its gradient passes: as torch, at the bound too. */
export const heldRatio = (ratio: number, delta: number): { held: number; passes: boolean } =>
  delta > 0 ? { held: Math.min(ratio, delta), passes: ratio <= delta } : { held: ratio, passes: true };

/** Throws UserError on a `delta` within the window: bad responses would be let through where good ones are stopped. */
export function checkDelta({ delta, clipHigh }: Readonly<Record<"delta" | "clipHigh", number>>): void {
  if (!(delta > 0) || delta > 1 + clipHigh) return;
  throw new UserError(
    `The two-sided clip (gradus.delta) is ${delta}, and ratios up to ${1 + clipHigh} are within the window: it would act before the clip does. Set it above 1 + clip_ratio_high, or -1 for none.`,
  );
}

/** verl's window of clipped losses, with its fallback; the first two params of those losses. */
export const CLIP_WINDOW = [
  {
    name: "clipLow",
    key: "actor_rollout_ref.actor.clip_ratio_low",
    fallbackKey: "actor_rollout_ref.actor.clip_ratio",
  },
  {
    name: "clipHigh",
    key: "actor_rollout_ref.actor.clip_ratio_high",
    fallbackKey: "actor_rollout_ref.actor.clip_ratio",
  },
] as const;
