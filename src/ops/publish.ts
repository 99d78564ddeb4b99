// Parameters handed to another engine, in the layout and type in which it reads them: CPU reference first, then the
// launcher of shaders/publish.wgsl. Knows nothing of what the matrices are for.

import publishCode from "../../shaders/publish.wgsl?raw";
import { BugError } from "../common/errors.ts";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ceilDiv, ELEMENT_WORK, grid } from "../gpu/index.ts";

const SHADER = { name: "publish", code: publishCode };

/** Where a value [P,Q] lies in a matrix, and how. */
export interface PublishedPart {
  /** [P,Q]. */
  readonly shape: readonly [number, number];
  readonly isTransposed: boolean;
  /** Of its first element in the matrix. */
  readonly row: number;
  readonly column: number;
  /** Multiplies every element. */
  readonly scale: number;
}

/** Writes `values` [P,Q] to their place in `matrix` of rows of `columns`. */
export function publishReference(
  matrix: Float32Array,
  columns: number,
  values: Float32Array,
  { shape, isTransposed, row, column, scale }: PublishedPart,
): void {
  const [rows, inputs] = shape;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < inputs; j++) {
      const [r, c] = isTransposed ? [j, i] : [i, j];
      matrix[(row + r) * columns + column + c] = scale * values[i * inputs + j]!;
    }
  }
}

export interface PublishArgs extends PublishedPart {
  /** Holds elements of the value, f32: `count` from element `start` on lie at `offset`. */
  readonly x: Tensor;
  readonly offset: number;
  readonly start: number;
  readonly count: number;
  /** The matrix, f32 or f16 [.., columns]; what the value has no element for stays. */
  readonly y: Tensor;
  readonly columns: number;
}

/** Records y[row + i, column + j] = scale * value[i,j], or its transpose, for the elements in x. */
export function publish(recorder: Recorder, args: PublishArgs): void {
  const { x, y, columns, row, column, shape, isTransposed, offset, start, count, scale } = args;
  const [height, width] = isTransposed ? [shape[1], shape[0]] : shape;
  const perWord = y.type === "f16" ? 2 : 1;
  const firstWord = Math.floor((row * columns) / perWord);
  const endWord = ceilDiv((row + height) * columns, perWord);
  if (x.type !== "f32" || (y.type !== "f32" && y.type !== "f16") || 4 * endWord > y.bytes)
    throw new BugError(`publishing [${shape}] of ${x.label} (${x.type}) in ${y.label} [${y.shape}]`);
  const kernel = recorder.gpu.compiler.kernel(SHADER, y.type === "f16" ? "store_f16" : "store_f32");
  const tile = kernel.workgroupSize;
  const work = ELEMENT_WORK * perWord * tile;
  recorder.split(ceilDiv(endWord - firstWord, tile), work, (first, tiles) =>
    recorder.dispatch({
      kernel,
      params: {
        first,
        end: first + tiles,
        first_word: firstWord,
        end_word: endWord,
        columns,
        row,
        height,
        column,
        width,
        is_transposed: isTransposed ? 1 : 0,
        value_columns: shape[1],
        offset,
        start,
        count,
        scale,
      },
      tensors: { x, y },
      workgroups: grid(tiles),
      work: work * tiles,
    }),
  );
}
