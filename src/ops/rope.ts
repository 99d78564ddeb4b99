// Rotary position embedding: table and CPU reference first, then the launcher of shaders/rope.wgsl. Scaled variants differ
// in the frequencies alone, which are in common/rotary.ts.

import ropeCode from "../../shaders/rope.wgsl?raw";
import { BugError } from "../common/errors.ts";
import type { Rotary } from "../common/rotary.ts";
import { rotaryFrequencies } from "../common/rotary.ts";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ELEMENT_WORK, grid } from "../gpu/index.ts";

const SHADER = { name: "rope", code: ropeCode };

/** Angles [maxPositions,D]: for each position D/2 cosines, then D/2 sines, computed in float64. */
export function ropeTable(maxPositions: number, rotary: Rotary): Float32Array<ArrayBuffer> {
  const { headSize } = rotary;
  const half = headSize / 2;
  if (!Number.isInteger(half)) throw new BugError(`rope of head size ${headSize}: it needs an even number`);
  const frequencies = rotaryFrequencies(rotary);
  const table = new Float32Array(maxPositions * headSize);
  for (let position = 0; position < maxPositions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = position * frequencies[i]!;
      table[position * headSize + i] = Math.cos(angle);
      table[position * headSize + half + i] = Math.sin(angle);
    }
  }
  return table;
}

/** `inverse` rotates back: the gradient of `forward`. */
export type RopeDirection = "forward" | "inverse";

/** Sign of the sines. */
const SIGN: Record<RopeDirection, number> = { forward: 1, inverse: -1 };

export interface RopeShape {
  /** Columns of a row of x. */
  readonly rowStride: number;
  /** Heads to rotate, from column 0 on (queries, then keys). */
  readonly heads: number;
  /** D, even. */
  readonly headSize: number;
  readonly direction: RopeDirection;
}

/** x [N,rowStride] with its first heads rotated by the positions [N] and the angles [maxPositions,D]. */
export function ropeRotate(
  x: Float32Array,
  positions: ArrayLike<number>,
  table: Float32Array,
  shape: RopeShape,
): Float32Array {
  const { rowStride, heads, headSize, direction } = shape;
  const half = headSize / 2;
  const y = x.slice();
  for (let n = 0; n < positions.length; n++) {
    for (let pair = 0; pair < heads * half; pair++) {
      const i = pair % half;
      const low = n * rowStride + Math.floor(pair / half) * headSize + i;
      const cosine = table[positions[n]! * headSize + i]!;
      const sine = table[positions[n]! * headSize + half + i]! * SIGN[direction];
      y[low] = x[low]! * cosine - x[low + half]! * sine;
      y[low + half] = x[low + half]! * cosine + x[low]! * sine;
    }
  }
  return y;
}

export interface RopeArgs extends RopeShape {
  /** Rotated in place, f32[N,rowStride]. */
  readonly x: Tensor;
  /** u32[]; the position of row n is `positions[n * positionStride + positionOffset]`. */
  readonly positions: Tensor;
  readonly positionStride: number;
  readonly positionOffset: number;
  /** What `ropeTable` returns, f32[maxPositions,D]. */
  readonly table: Tensor;
  /** N. */
  readonly rows: number;
}

/** Records the rotation of the first `heads` heads of x [N,rowStride], in place. */
export function rope(recorder: Recorder, args: RopeArgs): void {
  const { x, positions, positionStride, positionOffset, table, rows, rowStride, heads, headSize, direction } =
    args;
  const kernel = recorder.gpu.compiler.kernel(SHADER, "rotate");
  const shape = { row_stride: rowStride, heads, head_size: headSize, direction: SIGN[direction] };
  const place = { position_stride: positionStride, position_offset: positionOffset };
  recorder.split(rows, ELEMENT_WORK * heads * headSize, (first, count) =>
    recorder.dispatch({
      kernel,
      params: { first, end: first + count, ...shape, ...place },
      tensors: { x, positions, angles: table },
      workgroups: grid(count),
      work: ELEMENT_WORK * count * heads * headSize,
    }),
  );
}
