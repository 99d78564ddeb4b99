// Root-mean-square normalisation: CPU reference first, then the launchers of shaders/rmsnorm.wgsl. Does not know where
// in a layer it is used.

import rmsnormCode from "../../shaders/rmsnorm.wgsl?raw";
import type { Kernel, Recorder, Tensor } from "../gpu/index.ts";
import { ceilDiv, ELEMENT_WORK, grid } from "../gpu/index.ts";

const SHADER = { name: "rmsnorm", code: rmsnormCode };

/** y [N,C] and rstd [N] of x [N,C] with weight [C]. */
export function rmsnormForward(
  x: Float32Array,
  weight: Float32Array,
  eps: number,
): { y: Float32Array; rstd: Float32Array } {
  const channels = weight.length;
  const rows = x.length / channels;
  const y = new Float32Array(x.length);
  const rstd = new Float32Array(rows);
  for (let n = 0; n < rows; n++) {
    let squares = 0;
    for (let c = 0; c < channels; c++) squares += x[n * channels + c]! ** 2;
    const r = 1 / Math.sqrt(squares / channels + eps);
    rstd[n] = r;
    for (let c = 0; c < channels; c++) y[n * channels + c] = x[n * channels + c]! * r * weight[c]!;
  }
  return { y, rstd };
}

/** dx [N,C] and dweight [C] for dy [N,C], of the normalisation of x [N,C] with weight [C]. */
export function rmsnormBackward(
  dy: Float32Array,
  x: Float32Array,
  weight: Float32Array,
  eps: number,
): { dx: Float32Array; dweight: Float32Array } {
  const channels = weight.length;
  const { rstd } = rmsnormForward(x, weight, eps);
  const dx = new Float32Array(x.length);
  const dweight = new Float64Array(channels);
  for (let n = 0; n < rstd.length; n++) {
    const r = rstd[n]!;
    let dot = 0;
    for (let c = 0; c < channels; c++) {
      const at = n * channels + c;
      dot += dy[at]! * weight[c]! * x[at]!;
      dweight[c]! += dy[at]! * x[at]! * r;
    }
    for (let c = 0; c < channels; c++) {
      const at = n * channels + c;
      dx[at] = r * (dy[at]! * weight[c]! - (x[at]! * r * r * dot) / channels);
    }
  }
  return { dx, dweight: Float32Array.from(dweight) };
}

/** A kernel with about eight channels a thread: small rows are not worth the barriers of a large workgroup. */
function rowKernel({ gpu: { compiler } }: Recorder, entry: string, channels: number): Kernel {
  const enough = 2 ** Math.ceil(Math.log2(channels / 8));
  const WORKGROUP_SIZE = Math.min(compiler.workgroupSize, Math.max(32, enough));
  return compiler.kernel(SHADER, entry, { libs: ["reduce"], overrides: { WORKGROUP_SIZE } });
}

export interface RmsnormArgs {
  /** Input, f32[N,C]. */
  readonly x: Tensor;
  /** Added to `x` first, f32[N,C]; the sum is written to `h`. */
  readonly add?: { readonly delta: Tensor; readonly h: Tensor };
  /** Scale per channel, f32[C]. */
  readonly weight: Tensor;
  /** Output, f32[N,C]. */
  readonly y: Tensor;
  /** 1 / root mean square per row, f32[N]; kept for backward. */
  readonly rstd: Tensor;
  readonly rows: number;
  readonly channels: number;
  readonly eps: number;
}

/** Records y [N,C] = rmsnorm(x) or, with `add`, h = x + delta and y = rmsnorm(h). */
export function rmsnorm(recorder: Recorder, args: RmsnormArgs): void {
  const { x, add, weight, y, rstd, rows, channels, eps } = args;
  const entry = add ? "add_forward" : "forward";
  recorder.dispatch({
    kernel: rowKernel(recorder, entry, channels),
    params: { rows, channels, eps },
    tensors: add ? { x, delta: add.delta, h: add.h, weight, y, rstd } : { x, weight, y, rstd },
    workgroups: grid(rows),
    work: ELEMENT_WORK * rows * channels,
  });
}

export interface RmsnormBackwardArgs {
  /** Gradient of the output, f32[N,C]. */
  readonly dy: Tensor;
  /** What was normalised, f32[N,C]. */
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly rstd: Tensor;
  /** Gradient of the input, f32[N,C]; added to. */
  readonly dx: Tensor;
  /** Gradient of the weight, f32[C], added to; absent when the weight is frozen. */
  readonly dweight?: Tensor | undefined;
  readonly rows: number;
  readonly channels: number;
}

/** Records dx [N,C] += and, if asked for, dweight [C] +=. */
export function rmsnormGradient(recorder: Recorder, args: RmsnormBackwardArgs): void {
  const { dy, x, weight, rstd, dx, dweight, rows, channels } = args;
  const { compiler } = recorder.gpu;
  const params = { rows, channels, eps: 0 };
  recorder.dispatch({
    kernel: rowKernel(recorder, "backward", channels),
    params,
    tensors: { dy, x, weight, saved_rstd: rstd, dx },
    workgroups: grid(rows),
    work: ELEMENT_WORK * rows * channels,
  });
  if (!dweight) return;
  recorder.dispatch({
    kernel: compiler.kernel(SHADER, "weight_backward", { libs: ["reduce"] }),
    params,
    tensors: { dy, x, saved_rstd: rstd, dweight },
    workgroups: [ceilDiv(channels, 8)],
    work: ELEMENT_WORK * rows * channels,
  });
}
