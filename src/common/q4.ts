// Weights in blocks of 4 bits as the device holds them, packed and unpacked on the host. A record of 32 weights is
//   q4   [scale f32] [4 words of nibbles]                 W = (q - 8) * scale
//   q4z  [scale f32] [zero point f32] [4 words of nibbles] W = (q - zero) * scale
// with weight k of the block in bits 4 (k mod 8) of word k / 8. Blocks run along a row, so a row has whole blocks. Read by
// shaders/lib/weight_q4.wgsl and its siblings. The same numbers as the file's: nothing is rounded.

/** Weights of a record. */
export const Q4_BLOCK = 32;
/** Words of a record. */
export const Q4_WORDS = { q4: 5, q4z: 6 } as const;
export type Q4Type = keyof typeof Q4_WORDS;

export const isQ4 = (type: string): type is Q4Type => Object.hasOwn(Q4_WORDS, type);

/** Words of `count` weights, rounded up to whole records. */
export const q4Words = (count: number, type: Q4Type): number => Math.ceil(count / Q4_BLOCK) * Q4_WORDS[type];

/** Rows of 4-bit weights as files hold them. */
export interface Blocks4 {
  /** Weights that share a scale, a multiple of 32. */
  readonly blockSize: number;
  /** Two weights to a byte, the low half first; a row's last block is padded. u8[rows, blocks, blockSize / 2]. */
  readonly values: Uint8Array;
  /** f32[rows, blocks]. */
  readonly scales: Float32Array;
  /** f32[rows, blocks]; absent: 8. */
  readonly zeros?: Float32Array;
}

/** Zero point of a symmetric block. */
const MIDDLE = 8;

/** Records of `rows` rows of `inputs` weights, a multiple of 32. */
export function packQ4(
  blocks: Blocks4,
  rows: number,
  inputs: number,
  type: Q4Type,
): Uint32Array<ArrayBuffer> {
  const { blockSize, values, scales, zeros } = blocks;
  const [records, perBlock] = [inputs / Q4_BLOCK, blockSize / Q4_BLOCK];
  const fileBlocks = Math.ceil(inputs / blockSize);
  const size = Q4_WORDS[type];
  const words = new Uint32Array(rows * records * size);
  const floats = new Float32Array(words.buffer);
  const bytes = new Uint8Array(words.buffer);
  const blockBytes = Q4_BLOCK / 2;
  for (let row = 0; row < rows; row++) {
    for (let r = 0; r < records; r++) {
      const block = row * fileBlocks + Math.floor(r / perBlock);
      const at = (row * records + r) * size;
      floats[at] = scales[block]!;
      if (type === "q4z") floats[at + 1] = zeros?.[block] ?? MIDDLE;
      const from = (row * fileBlocks * blockSize) / 2 + r * blockBytes;
      bytes.set(values.subarray(from, from + blockBytes), 4 * (at + size - 4));
    }
  }
  return words;
}

/** The weights in records of `type`, f32. */
export function unpackQ4(words: Uint32Array<ArrayBuffer>, type: Q4Type): Float32Array<ArrayBuffer> {
  const size = Q4_WORDS[type];
  const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
  const result = new Float32Array((words.length / size) * Q4_BLOCK);
  for (let i = 0; i < result.length; i++) {
    const at = Math.floor(i / Q4_BLOCK) * size;
    const k = i % Q4_BLOCK;
    const q = (words[at + size - 4 + (k >> 3)]! >>> (4 * (k % 8))) & 15;
    const zero = type === "q4z" ? floats[at + 1]! : MIDDLE;
    result[i] = (q - zero) * floats[at]!;
  }
  return result;
}
