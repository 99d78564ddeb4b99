// Sum over the rows of a matrix, which is the gradient of a bias: CPU reference first, then the launcher of
// shaders/column_sum.wgsl.

import columnSumCode from "../../shaders/column_sum.wgsl?raw";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ceilDiv, ELEMENT_WORK } from "../gpu/index.ts";

const SHADER = { name: "column_sum", code: columnSumCode };
/** Columns of one workgroup. */
const TILE = 8;

/** Sums [C] over the rows of columns `columnOffset` to `columnOffset + columns` of x [N,rowStride]. */
export function columnSumReference(
  x: Float32Array,
  columns: number,
  rowStride: number = columns,
  columnOffset: number = 0,
): Float32Array {
  const sums = new Float64Array(columns);
  for (let start = columnOffset; start < x.length; start += rowStride) {
    for (let c = 0; c < columns; c++) sums[c]! += x[start + c]!;
  }
  return Float32Array.from(sums);
}

export interface ColumnSumArgs {
  /** f32[N,rowStride]. */
  readonly x: Tensor;
  /** f32[C]; added to. */
  readonly out: Tensor;
  /** N. */
  readonly rows: number;
  /** C. */
  readonly columns: number;
  /** Columns of a row of x, where that is more than C. */
  readonly rowStride?: number | undefined;
  /** First column of x that is summed; 0 if absent. */
  readonly columnOffset?: number | undefined;
}

/** Records out [C] += the sum over the rows of x [N,rowStride], in a fixed order. */
export function columnSum(recorder: Recorder, args: ColumnSumArgs): void {
  const { x, out, rows, columns, rowStride = columns, columnOffset = 0 } = args;
  const kernel = recorder.gpu.compiler.kernel(SHADER, "main");
  recorder.split(ceilDiv(columns, TILE), ELEMENT_WORK * TILE * rows, (first, count) =>
    recorder.dispatch({
      kernel,
      params: { first, rows, columns, row_stride: rowStride, column_offset: columnOffset },
      tensors: { x, total: out },
      workgroups: [count],
      work: ELEMENT_WORK * TILE * rows * count,
    }),
  );
}
