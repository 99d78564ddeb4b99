// Global gradient norm, clipping factor and the check for NaN and infinity: CPU reference first, then the launchers of
// shaders/grad_norm.wgsl. The result stays on the device, where adamw.ts reads it.

import gradNormCode from "../../shaders/grad_norm.wgsl?raw";
import { BugError } from "../common/errors.ts";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ceilDiv, ELEMENT_WORK, elementCount, grid } from "../gpu/index.ts";
import { slices } from "./slices.ts";

const SHADER = { name: "grad_norm", code: gradNormCode };
/** GRAD_NORM_CHUNK of the shader: elements of one partial sum. */
const CHUNK = 4096;

/** What `gradNorm` writes, in this order, with a zero at the end: f32[4]. */
export interface GradNorm {
  /** Length of the gradient before clipping; 0 when it is not finite. */
  readonly norm: number;
  /** What a gradient is multiplied by before it is applied. */
  readonly scale: number;
  /** 1, or 0 when any gradient is NaN or infinite (or their sum of squares is): such a step is to be skipped. */
  readonly isFinite: number;
}

/** Norm of gradScale * grads over all pools, and the clipping factor of `torch.nn.utils.clip_grad_norm_` times gradScale. */
export function gradNormReference(grads: readonly Float32Array[], maxNorm: number, gradScale = 1): GradNorm {
  let squares = 0;
  for (const pool of grads) for (const g of pool) squares += g * g;
  if (!Number.isFinite(squares)) return { norm: 0, scale: 0, isFinite: 0 };
  const norm = Math.sqrt(squares) * gradScale;
  return { norm, scale: gradScale * (maxNorm > 0 ? Math.min(1, maxNorm / (norm + 1e-6)) : 1), isFinite: 1 };
}

/** Elements that the scratch `partial` of `gradNorm` needs for pools of `counts` elements. */
export const gradNormPartials = (counts: readonly number[]): number =>
  counts.reduce((sum, count) => sum + ceilDiv(count, CHUNK), 0);

export interface GradNormArgs {
  /** Gradients, each f32[P]; all their elements count. */
  readonly grads: readonly Tensor[];
  /** Scratch, f32[gradNormPartials(sizes of grads)] or longer. */
  readonly partial: Tensor;
  /** Output, f32[4]: norm, scale, isFinite (1 or 0), 0; see `GradNorm`. */
  readonly result: Tensor;
  /** The norm is cut to this; 0, less or Infinity leaves it. */
  readonly maxNorm: number;
  /** Multiplies every gradient first; 1 if absent. */
  readonly gradScale?: number | undefined;
}

/** Records result [4] = norm over all of `grads` and what to multiply them by. Throws BugError on a short scratch. */
export function gradNorm(recorder: Recorder, args: GradNormArgs): void {
  const { grads, partial, result, maxNorm, gradScale = 1 } = args;
  const partials = gradNormPartials(grads.map(({ shape }) => elementCount(shape)));
  if (partials > elementCount(partial.shape)) {
    throw new BugError(`${partial.label} [${partial.shape}] is too short for ${partials} partial sums`);
  }
  const { compiler } = recorder.gpu;
  const finish = { max_norm: Number.isFinite(maxNorm) ? Math.max(0, maxNorm) : 0, grad_scale: gradScale };
  let start = 0;
  for (const pool of grads) {
    for (const { tensor, first, count } of slices(recorder, pool)) {
      squares(recorder, tensor, count, partial, start + first / CHUNK, finish);
    }
    start += ceilDiv(elementCount(pool.shape), CHUNK);
  }
  recorder.dispatch({
    kernel: compiler.kernel(SHADER, "finish"),
    params: { first: 0, end: 0, count: 0, partial_start: 0, partial_count: partials, ...finish },
    tensors: { partial, result },
    workgroups: [1],
    work: ELEMENT_WORK * partials,
  });
}

/** Records partial[partialStart + k] = sum of squares of chunk k of grads [count]. */
function squares(
  recorder: Recorder,
  grads: Tensor,
  count: number,
  partial: Tensor,
  partialStart: number,
  finish: { readonly max_norm: number; readonly grad_scale: number },
): void {
  const kernel = recorder.gpu.compiler.kernel(SHADER, "squares");
  recorder.split(ceilDiv(count, CHUNK), ELEMENT_WORK * CHUNK, (first, chunks) =>
    recorder.dispatch({
      kernel,
      params: { first, end: first + chunks, count, partial_start: partialStart, partial_count: 0, ...finish },
      tensors: { grads, partial },
      workgroups: grid(chunks),
      work: ELEMENT_WORK * CHUNK * chunks,
    }),
  );
}
