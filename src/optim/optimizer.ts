// One optimiser step over the pools of a policy: global norm, clip and AdamW without a readback. The schedule's numbers
// are arguments, never baked into a recorded command.

import type { Recorder, Tensor } from "../gpu/index.ts";
import { adamw } from "./adamw.ts";
import { gradNorm } from "./grad-norm.ts";

/** Hyperparameters of a step; none has a default here, because each changes learning. */
export interface AdamwOptions {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  /** Decay every parameter (torch's and verl's way), or matrices only and not norm weights and biases. */
  readonly decay: "all" | "matrices";
  /** Clip the global norm at this; Infinity: no clipping. */
  readonly maxNorm: number;
}

/** What is optimised: pools f32[P] of parameters, gradients and moments, and room for the norm. */
export interface Optimised {
  readonly pools: readonly {
    readonly params: Tensor;
    readonly grads: Tensor;
    readonly m: Tensor;
    readonly v: Tensor;
    readonly isMatrix: boolean;
  }[];
  readonly normPartial: Tensor;
  /** (norm before clipping, clip scale, 1 when every gradient is finite, 0), f32[4]. */
  readonly norm: Tensor;
}

/** Records step number `step` (1-based). When a gradient is not finite nothing changes; `norm` says so. */
export function optimizerStep(
  recorder: Recorder,
  { pools, normPartial, norm }: Optimised,
  step: number,
  options: AdamwOptions,
): void {
  const { lr, beta1, beta2, eps, weightDecay, decay, maxNorm } = options;
  gradNorm(recorder, { grads: pools.map(({ grads }) => grads), partial: normPartial, result: norm, maxNorm });
  for (const { isMatrix, ...pool } of pools) {
    const decayed = isMatrix || decay === "all" ? weightDecay : 0;
    adamw(recorder, { ...pool, norm, lr, beta1, beta2, eps, weightDecay: decayed, step });
  }
}

/** What became of the last step: the norm before clipping, 0 when it is not finite, and whether it was left out for that. */
export async function readOptimizerStep(
  recorder: Recorder,
  { norm }: Pick<Optimised, "norm">,
): Promise<{ gradNorm: number; isSkipped: boolean }> {
  const [gradNorm = 0, , isFinite] = await recorder.readF32(norm, 3);
  return { gradNorm, isSkipped: isFinite !== 1 };
}
