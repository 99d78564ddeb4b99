// The gated activation of the feed-forward block: CPU reference first, then the launchers of shaders/swiglu.wgsl.

import swigluCode from "../../shaders/swiglu.wgsl?raw";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ceilDiv, ELEMENT_WORK, grid } from "../gpu/index.ts";

const SHADER = { name: "swiglu", code: swigluCode };
/** SWIGLU_PER_THREAD of the shader. */
const PER_THREAD = 4;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** y [N,I] = silu(gate) * up, of gateUp [N,2I]: I gate columns, then I up columns. */
export function swigluForward(gateUp: Float32Array, intermediateSize: number): Float32Array {
  const size = intermediateSize;
  const y = new Float32Array(gateUp.length / 2);
  for (let at = 0; at < y.length; at++) {
    const start = Math.floor(at / size) * 2 * size + (at % size);
    const gate = gateUp[start]!;
    y[at] = gate * sigmoid(gate) * gateUp[start + size]!;
  }
  return y;
}

/** dGateUp [N,2I] for dy [N,I], at gateUp [N,2I]. */
export function swigluBackward(
  gateUp: Float32Array,
  dy: Float32Array,
  intermediateSize: number,
): Float32Array {
  const size = intermediateSize;
  const dGateUp = new Float32Array(gateUp.length);
  for (let at = 0; at < dy.length; at++) {
    const start = Math.floor(at / size) * 2 * size + (at % size);
    const gate = gateUp[start]!;
    const slope = sigmoid(gate) * (1 + gate * sigmoid(-gate));
    dGateUp[start] = dy[at]! * gateUp[start + size]! * slope;
    dGateUp[start + size] = dy[at]! * gate * sigmoid(gate);
  }
  return dGateUp;
}

export interface SwigluArgs {
  /** f32[N,2I]: I gate columns, then I up columns. */
  readonly gateUp: Tensor;
  /** Output, f32[N,I]. */
  readonly y: Tensor;
  /** N. */
  readonly rows: number;
  /** I. */
  readonly intermediateSize: number;
}

/** Records y [N,I] = silu(gate) * up. */
export function swiglu(recorder: Recorder, args: SwigluArgs): void {
  const { gateUp, y, rows, intermediateSize } = args;
  launch(recorder, "forward", { gate_up: gateUp, y }, rows, intermediateSize);
}

export interface SwigluBackwardArgs {
  /** What forward took, f32[N,2I]. */
  readonly gateUp: Tensor;
  /** Gradient of the output, f32[N,I]. */
  readonly dy: Tensor;
  /** Gradient of gateUp, f32[N,2I]; assigned. Another buffer than gateUp. */
  readonly dGateUp: Tensor;
  /** N. */
  readonly rows: number;
  /** I. */
  readonly intermediateSize: number;
}

/** Records dGateUp [N,2I] for dy [N,I]. */
export function swigluGradient(recorder: Recorder, args: SwigluBackwardArgs): void {
  const { gateUp, dy, dGateUp, rows, intermediateSize } = args;
  launch(recorder, "backward", { gate_up: gateUp, dy, d_gate_up: dGateUp }, rows, intermediateSize);
}

function launch(
  recorder: Recorder,
  entry: "forward" | "backward",
  tensors: Readonly<Record<string, Tensor>>,
  rows: number,
  intermediateSize: number,
): void {
  const kernel = recorder.gpu.compiler.kernel(SHADER, entry);
  const tile = kernel.workgroupSize * PER_THREAD;
  const tilesPerRow = ceilDiv(intermediateSize, tile);
  const work = ELEMENT_WORK * Math.min(tile, intermediateSize);
  recorder.split(rows * tilesPerRow, work, (first, count) =>
    recorder.dispatch({
      kernel,
      params: { first, end: first + count, tiles_per_row: tilesPerRow, intermediate_size: intermediateSize },
      tensors,
      workgroups: grid(count),
      work: work * count,
    }),
  );
}
