// Rows of floats to 4-bit blocks as MatMulNBits holds them, by rounding to the nearest; block-matrix.ts reads them.
//   symmetric      scale = (the weight of largest magnitude) / -8,  zero = 8
//   with zeros     scale = (max(w, 0) - min(w, 0)) / 15,  zero = round(-min(w, 0) / scale)
//   q = clamp(round(w / scale) + zero, 0, 15),  w' = (q - zero) * scale
// So the largest weight of a symmetric block is exact, and scales may be negative. Blocks past the end of a row are padded
// with zeros.
// Source: https://github.com/microsoft/onnxruntime (MlasBlockwiseQuantizer).

import type { Blocks4 } from "../../common/q4.ts";

/** Zero point of a symmetric block. */
const MIDDLE = 8;
const LARGEST = 15;

export interface QuantisedRows {
  /** Two weights to a byte, the low half first, u8[rows, blocks, blockSize / 2]. */
  readonly values: Uint8Array;
  /** f32[rows, blocks]. */
  readonly scales: Float32Array;
}

/** 4-bit blocks of `weights` [rows,inputs]; `blockSize` is even. */
export function quantiseRows(
  weights: Float32Array,
  rows: number,
  inputs: number,
  blockSize: number,
): QuantisedRows {
  const blocks = Math.ceil(inputs / blockSize);
  const values = new Uint8Array((rows * blocks * blockSize) / 2);
  const scales = new Float32Array(rows * blocks);
  requantiseRows({ blockSize, values, scales }, { weights, rows, inputs, roundScale: (scale) => scale });
  return { values, scales };
}

export interface NewRows {
  /** f32[rows,inputs]. */
  readonly weights: Float32Array;
  readonly rows: number;
  readonly inputs: number;
  /** The number that a file holds for a scale. */
  readonly roundScale: (scale: number) => number;
  /** f32[rows,inputs]; blocks whose weights are these stay as they are. */
  readonly old?: Float32Array;
}

/** Writes `weights` into `blocks`, with zero points where it has them; the largest error of a weight that was written. */
export function requantiseRows(blocks: Blocks4, { weights, rows, inputs, roundScale, old }: NewRows): number {
  const { blockSize, values, scales, zeros } = blocks;
  const perRow = Math.ceil(inputs / blockSize);
  let worst = 0;
  for (let block = 0; block < rows * perRow; block++) {
    const [row, b] = [Math.floor(block / perRow), block % perRow];
    const start = row * inputs + b * blockSize;
    const end = row * inputs + Math.min(inputs, (b + 1) * blockSize);
    if (old && isSame(weights, old, start, end)) continue;
    const own = weights.subarray(start, end);
    const { scale, zero } = zeros ? rangeOf(own, roundScale) : symmetric(own, roundScale);
    scales[block] = scale;
    if (zeros) zeros[block] = zero;
    const into = values.subarray((block * blockSize) / 2, ((block + 1) * blockSize) / 2);
    worst = Math.max(worst, packBlock(own, scale, zero, into));
  }
  return worst;
}

/** A loop: a function called for each of half a billion weights takes a minute. */
function isSame(weights: Float32Array, old: Float32Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (weights[i] !== old[i]) return false;
  return true;
}

interface Grid {
  readonly scale: number;
  readonly zero: number;
}

function symmetric(weights: Float32Array, roundScale: NewRows["roundScale"]): Grid {
  let largest = 0;
  for (const weight of weights) if (Math.abs(weight) > Math.abs(largest)) largest = weight;
  return { scale: roundScale(largest / -MIDDLE), zero: MIDDLE };
}

function rangeOf(weights: Float32Array, roundScale: NewRows["roundScale"]): Grid {
  let [min, max] = [0, 0];
  for (const weight of weights) {
    min = Math.min(min, weight);
    max = Math.max(max, weight);
  }
  const scale = roundScale((max - min) / LARGEST);
  return { scale, zero: scale === 0 ? MIDDLE : nearest(-min / scale) };
}

/** The nearest of the 16 numbers that half a byte holds. */
const nearest = (value: number): number => Math.min(LARGEST, Math.max(0, Math.round(value)));

/** Two weights to a byte of `into`, zeros behind them; the largest error. */
function packBlock(weights: Float32Array, scale: number, zero: number, into: Uint8Array): number {
  const inverse = scale === 0 ? 0 : 1 / scale;
  let worst = 0;
  for (let k = 0; k < 2 * into.length; k++) {
    const weight = weights[k] ?? 0;
    const q = nearest(Math.round(weight * inverse) + zero);
    worst = Math.max(worst, Math.abs((q - zero) * scale - weight));
    into[k >> 1] = k % 2 === 0 ? q : into[k >> 1]! | (q << 4);
  }
  return worst;
}
