// Root-mean-square normalisation of query and key heads before they are rotated, as Qwen3 has it: CPU reference first, then
// the launchers of shaders/head_norm.wgsl. Works inside rows of q | k | v and leaves v alone.

import headNormCode from "../../shaders/head_norm.wgsl?raw";
import type { Kernel, Recorder, Tensor } from "../gpu/index.ts";
import { ceilDiv, ELEMENT_WORK, grid } from "../gpu/index.ts";
import type { HeadSizes } from "./kv-cache.ts";
import { rmsnormBackward, rmsnormForward } from "./rmsnorm.ts";

const SHADER = { name: "head_norm", code: headNormCode };
/** A head is short: a larger workgroup would wait more than it adds. */
const WORKGROUP_SIZE = 32;

/** Scale per channel of a query head and of a key head, [D] each. */
interface HeadWeights<T> {
  readonly q: T;
  readonly k: T;
}

/** Calls `use` with where each normalised head of qkv [N,(H+2K)*D] begins, and whether it is a query. */
function eachHead(
  length: number,
  { heads, kvHeads, headSize }: HeadSizes,
  use: (start: number, kind: keyof HeadWeights<unknown>) => void,
): void {
  const stride = (heads + 2 * kvHeads) * headSize;
  for (let row = 0; row < length; row += stride) {
    for (let head = 0; head < heads + kvHeads; head++) use(row + head * headSize, head < heads ? "q" : "k");
  }
}

/** qkv [N,(H+2K)*D] with its query and key heads, [D] each, normalised. */
export function headNormForward(
  qkv: Float32Array,
  weights: HeadWeights<Float32Array>,
  sizes: HeadSizes,
  eps: number,
): Float32Array {
  const y = qkv.slice();
  eachHead(qkv.length, sizes, (start, kind) =>
    y.set(rmsnormForward(qkv.subarray(start, start + sizes.headSize), weights[kind], eps).y, start),
  );
  return y;
}

/** Gradients of qkv [N,(H+2K)*D] and of both weights [D] for dy [N,(H+2K)*D]; that of v passes through. */
export function headNormBackward(
  dy: Float32Array,
  qkv: Float32Array,
  weights: HeadWeights<Float32Array>,
  sizes: HeadSizes,
  eps: number,
): { dqkv: Float32Array; dweights: HeadWeights<Float32Array> } {
  const dqkv = dy.slice();
  const dweights = { q: new Float32Array(sizes.headSize), k: new Float32Array(sizes.headSize) };
  eachHead(qkv.length, sizes, (start, kind) => {
    const part = (values: Float32Array): Float32Array => values.subarray(start, start + sizes.headSize);
    const { dx, dweight } = rmsnormBackward(part(dy), part(qkv), weights[kind], eps);
    dqkv.set(dx, start);
    dweight.forEach((value, d) => (dweights[kind][d]! += value));
  });
  return { dqkv, dweights };
}

export interface HeadNormArgs extends HeadSizes {
  /** Normalised in place, f32[N,(H+2K)*D]. */
  readonly qkv: Tensor;
  readonly weights: HeadWeights<Tensor>;
  /** Keeps what backward takes: the heads as they were, f32[N,(H+K)*D], and 1 / their root mean square, f32[N,H+K]. */
  readonly keep?: { readonly x: Tensor; readonly rstd: Tensor };
  /** N. */
  readonly rows: number;
  readonly eps: number;
}

const kernelOf = ({ gpu: { compiler } }: Recorder, entry: string): Kernel =>
  compiler.kernel(SHADER, entry, {
    libs: ["reduce"],
    overrides: { WORKGROUP_SIZE: Math.min(WORKGROUP_SIZE, compiler.workgroupSize) },
  });

/** Fields of Params that every entry takes. */
const paramsOf = ({ heads, kvHeads, headSize }: HeadSizes, rows: number) => ({
  rows,
  heads,
  normed: heads + kvHeads,
  row_stride: (heads + 2 * kvHeads) * headSize,
  head_size: headSize,
  first: 0,
  count: 0,
  eps: 0,
});

/** Records qkv [N,(H+2K)*D] = the same with its query and key heads, [D] each, normalised. */
export function headNorm(
  recorder: Recorder,
  { qkv, weights, keep, rows, eps, ...sizes }: HeadNormArgs,
): void {
  const params = { ...paramsOf(sizes, rows), eps };
  const inputs = { qkv, q_weight: weights.q, k_weight: weights.k };
  recorder.dispatch({
    kernel: kernelOf(recorder, keep ? "forward_keep" : "forward"),
    params,
    tensors: keep ? { ...inputs, kept: keep.x, kept_rstd: keep.rstd } : inputs,
    workgroups: grid(rows * params.normed),
    work: ELEMENT_WORK * rows * params.normed * sizes.headSize,
  });
}

export interface HeadNormGradientArgs extends HeadSizes {
  /** Gradient of the normalised qkv, and afterwards of qkv before it, f32[N,(H+2K)*D]. */
  readonly dqkv: Tensor;
  readonly weights: HeadWeights<Tensor>;
  /** Gradients of the weights, f32[D] each, added to; undefined where frozen. */
  readonly dweights: HeadWeights<Tensor | undefined>;
  /** What `headNorm` kept. */
  readonly kept: { readonly x: Tensor; readonly rstd: Tensor };
  readonly rows: number;
}

/** Records the gradients of both weights [D] +=, where trained, then that of qkv [N,(H+2K)*D] in place. */
export function headNormGradient(recorder: Recorder, args: HeadNormGradientArgs): void {
  const { dqkv, weights, dweights, kept, rows, ...sizes } = args;
  const { heads, kvHeads, headSize } = sizes;
  const params = paramsOf(sizes, rows);
  const { compiler } = recorder.gpu;
  for (const [dweight, first, count] of [
    [dweights.q, 0, heads],
    [dweights.k, heads, kvHeads],
  ] as const) {
    if (!dweight) continue;
    recorder.dispatch({
      kernel: compiler.kernel(SHADER, "weight_backward", { libs: ["reduce"] }),
      params: { ...params, first, count },
      tensors: { dy: dqkv, x: kept.x, rstd: kept.rstd, dweight },
      workgroups: [ceilDiv(headSize, 8)],
      work: ELEMENT_WORK * rows * count * headSize,
    });
  }
  recorder.dispatch({
    kernel: kernelOf(recorder, "backward"),
    params,
    tensors: { dqkv, q_weight: weights.q, k_weight: weights.k, x: kept.x, rstd: kept.rstd },
    workgroups: grid(rows * params.normed),
    work: ELEMENT_WORK * rows * params.normed * headSize,
  });
}
