// The head of a critic, one number a row: CPU references first, then the launchers of shaders/value_head.wgsl. Which rows
// these are, and what the numbers should be, is decided elsewhere.

import valueHeadCode from "../../shaders/value_head.wgsl?raw";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ceilDiv, ELEMENT_WORK, grid } from "../gpu/index.ts";

const SHADER = { name: "value_head", code: valueHeadCode };
/** Sums of one workgroup of weight_backward. */
const TILE = 8;

/** Values [R] of x [R,C] under weight [C] and a bias. */
export function valueHeadReference(x: Float32Array, weight: Float32Array, bias: number): Float32Array {
  const channels = weight.length;
  return Float32Array.from({ length: x.length / channels }, (_, r) =>
    weight.reduce((sum, w, c) => sum + w * x[r * channels + c]!, bias),
  );
}

export interface ValueHeadGradients {
  /** [R,C]. */
  readonly dx: Float32Array;
  /** [C]. */
  readonly dWeight: Float32Array;
  readonly dBias: number;
}

/** Gradients of sum_r dValue[r] * value[r] for `valueHeadReference`. */
export function valueHeadBackwardReference(
  x: Float32Array,
  weight: Float32Array,
  dValue: Float32Array,
): ValueHeadGradients {
  const channels = weight.length;
  const dWeight = new Float64Array(channels);
  dValue.forEach((d, r) => {
    for (let c = 0; c < channels; c++) dWeight[c]! += d * x[r * channels + c]!;
  });
  return {
    dx: Float32Array.from(x, (_, i) => dValue[Math.floor(i / channels)]! * weight[i % channels]!),
    dWeight: Float32Array.from(dWeight),
    dBias: dValue.reduce((sum, d) => sum + d, 0),
  };
}

/** What both directions read. */
interface ValueHeadArgs {
  /** Hidden states, f32[R,C]. */
  readonly x: Tensor;
  /** f32[1,C]. */
  readonly weight: Tensor;
  /** R. */
  readonly rows: number;
  /** C. */
  readonly channels: number;
}

export interface ValueHeadForward extends ValueHeadArgs {
  /** f32[1]. */
  readonly bias: Tensor;
  /** Output, f32[R]. */
  readonly value: Tensor;
}

/** Records value [R] = x [R,C] . weight [C] + bias. */
export function valueHead(recorder: Recorder, args: ValueHeadForward): void {
  const { x, weight, bias, value: values } = args;
  byRows(recorder, "forward", args, { x, weight, bias, values });
}

export interface ValueHeadBackward extends ValueHeadArgs {
  /** Gradient of the values, f32[R]. */
  readonly dValue: Tensor;
  /** Gradient of x, f32[R,C]; assigned. */
  readonly dx: Tensor;
  /** Gradients of weight [1,C] and bias [1]; added to. */
  readonly dWeight: Tensor;
  readonly dBias: Tensor;
}

/** Records the way back of `valueHead`: dx [R,C] is assigned, dWeight [1,C] and dBias [1] are added to, in a fixed order. */
export function valueHeadGradient(recorder: Recorder, args: ValueHeadBackward): void {
  const { x, weight, dValue: dvalue, dx, dWeight: dweight, dBias: dbias, rows, channels } = args;
  byRows(recorder, "backward", args, { weight, dvalue, dx });
  const kernel = recorder.gpu.compiler.kernel(SHADER, "weight_backward", { libs: ["reduce"] });
  recorder.split(ceilDiv(channels + 1, TILE), ELEMENT_WORK * TILE * rows, (first, count) =>
    recorder.dispatch({
      kernel,
      params: { first, end: first + count, rows, channels },
      tensors: { x, dvalue, dweight, dbias },
      workgroups: [count],
      work: ELEMENT_WORK * TILE * rows * count,
    }),
  );
}

function byRows(
  recorder: Recorder,
  entry: "forward" | "backward",
  { rows, channels }: ValueHeadArgs,
  tensors: Readonly<Record<string, Tensor>>,
): void {
  const kernel = recorder.gpu.compiler.kernel(SHADER, entry, { libs: ["reduce"] });
  recorder.split(rows, ELEMENT_WORK * channels, (first, count) =>
    recorder.dispatch({
      kernel,
      params: { first, end: first + count, rows, channels },
      tensors,
      workgroups: grid(count),
      work: ELEMENT_WORK * count * channels,
    }),
  );
}
