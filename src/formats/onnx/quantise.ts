// Rows of floats to symmetric 4-bit blocks as MatMulNBits holds them, by rounding to the nearest; block-matrix.ts reads them.
//   scale = (the weight of largest magnitude) / -8,  q = clamp(round(w / scale) + 8, 0, 15),  w' = (q - 8) * scale
// So the largest weight is exact, and scales may be negative. Blocks past the end of a row are padded with zeros.
// Source: https://github.com/microsoft/onnxruntime (MlasBlockwiseQuantizer, symmetric).

/** Zero point of a symmetric block. */
const MIDDLE = 8;

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
  for (let row = 0; row < rows; row++) {
    for (let b = 0; b < blocks; b++) {
      const start = row * inputs + b * blockSize;
      const count = Math.min(blockSize, inputs - b * blockSize);
      const block = row * blocks + b;
      scales[block] = largest(weights, start, count) / -MIDDLE;
      packBlock(weights, start, count, scales[block], values, (block * blockSize) / 2, blockSize);
    }
  }
  return { values, scales };
}

/** The weight of largest magnitude, the first of equals, with its sign. */
function largest(weights: Float32Array, start: number, count: number): number {
  let found = 0;
  for (let i = start; i < start + count; i++) {
    if (Math.abs(weights[i]!) > Math.abs(found)) found = weights[i]!;
  }
  return found;
}

function packBlock(
  weights: Float32Array,
  start: number,
  count: number,
  scale: number,
  into: Uint8Array,
  at: number,
  blockSize: number,
): void {
  const inverse = scale === 0 ? 0 : 1 / scale;
  for (let k = 0; k < blockSize; k++) {
    const rounded = k < count ? Math.round(weights[start + k]! * inverse) + MIDDLE : MIDDLE;
    const q = Math.min(15, Math.max(0, rounded));
    const byte = at + (k >> 1);
    into[byte] = k % 2 === 0 ? q : into[byte]! | (q << 4);
  }
}
