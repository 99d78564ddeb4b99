// Picking rows by an index list, and the way back for gradients: CPU references first, then the launchers of
// shaders/rows.wgsl. The head reads the rows that predict a response token through it.

import rowsCode from "../../shaders/rows.wgsl?raw";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ELEMENT_WORK, grid } from "../gpu/index.ts";

const SHADER = { name: "rows", code: rowsCode };

/** y [R,C] = rows `index` [R] of x [N,C]. */
export function gatherRowsReference(
  x: Float32Array,
  index: ArrayLike<number>,
  channels: number,
): Float32Array {
  const y = new Float32Array(index.length * channels);
  for (let r = 0; r < index.length; r++) {
    y.set(x.subarray(index[r]! * channels, (index[r]! + 1) * channels), r * channels);
  }
  return y;
}

/** dx [N,C] of `gatherRowsReference` for dy [R,C]. */
export function scatterRowsReference(
  dy: Float32Array,
  index: ArrayLike<number>,
  rows: number,
  channels: number,
): Float32Array {
  const dx = new Float64Array(rows * channels);
  for (let r = 0; r < index.length; r++) {
    for (let c = 0; c < channels; c++) dx[index[r]! * channels + c]! += dy[r * channels + c]!;
  }
  return Float32Array.from(dx);
}

/** Picks by row: `order[starts[n] .. starts[n+1]]` are the r with `index[r] = n`, ascending. */
export interface RowGroups {
  /** [N+1]. */
  readonly starts: Uint32Array<ArrayBuffer>;
  /** [R]. */
  readonly order: Uint32Array<ArrayBuffer>;
}

/** Groups an index list [R] into `rows` rows, so that each row has one writer. */
export function groupByRow(index: ArrayLike<number>, rows: number): RowGroups {
  const starts = new Uint32Array(rows + 1);
  for (let r = 0; r < index.length; r++) starts[index[r]! + 1]!++;
  for (let n = 0; n < rows; n++) starts[n + 1]! += starts[n]!;
  const next = starts.slice();
  const order = new Uint32Array(index.length);
  for (let r = 0; r < index.length; r++) order[next[index[r]!]!++] = r;
  return { starts, order };
}

export interface GatherRowsArgs {
  /** f32[N,C]. */
  readonly x: Tensor;
  /** u32[R]. */
  readonly index: Tensor;
  /** Output, f32[R,C]. */
  readonly y: Tensor;
  /** R. */
  readonly rows: number;
  readonly channels: number;
}

/** Records y [R,C] = rows `index` of x [N,C]. */
export function gatherRows(recorder: Recorder, args: GatherRowsArgs): void {
  const { x, index, y, rows, channels } = args;
  launch(recorder, "gather", { x, source_rows: index, y }, rows, channels);
}

export interface ScatterRowsArgs {
  /** Gradient of the picked rows, f32[R,C]. */
  readonly dy: Tensor;
  /** u32[N+1]; this and `order` are what `groupByRow` returns. */
  readonly starts: Tensor;
  /** u32[R]. */
  readonly order: Tensor;
  /** Gradient of x, f32[N,C]; all rows are assigned, zero where nothing was picked. */
  readonly dx: Tensor;
  /** N. */
  readonly rows: number;
  readonly channels: number;
}

/** Records dx [N,C] = for each row the sum of its picks in dy [R,C], in a fixed order. */
export function scatterRows(recorder: Recorder, args: ScatterRowsArgs): void {
  const { dy, starts, order, dx, rows, channels } = args;
  launch(recorder, "scatter", { dy, starts, order, dx }, rows, channels);
}

function launch(
  recorder: Recorder,
  entry: "gather" | "scatter",
  tensors: Readonly<Record<string, Tensor>>,
  rows: number,
  channels: number,
): void {
  const kernel = recorder.gpu.compiler.kernel(SHADER, entry);
  recorder.split(rows, ELEMENT_WORK * channels, (first, count) =>
    recorder.dispatch({
      kernel,
      params: { first, end: first + count, channels },
      tensors,
      workgroups: grid(count),
      work: ELEMENT_WORK * count * channels,
    }),
  );
}
