// A matrix in 4-bit blocks as MatMulNBits and GatherBlockQuantized hold it, de-quantised when it is read:
//   W[n,k] = (q[n,k] - zeroPoint[n,b]) * scale[n,b],  b = floor(k / blockSize)
// q two to a byte, the low half first; the zero point is 8 where the file has none; blocks past K are padding.
// Source: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md (MatMulNBits). Differs: no g_idx.

import { UserError } from "../../common/errors.ts";
import type { Blocks4, Q4Type } from "../../common/q4.ts";
import { Q4_BLOCK } from "../../common/q4.ts";
import type { Matrix } from "./matrix.ts";
import type { OnnxTensor } from "./tensor.ts";

export interface Blocks {
  /** U8, N * blocks * blockSize / 2 bytes. */
  readonly values: OnnxTensor;
  /** Floats, one a block. */
  readonly scales: OnnxTensor;
  /** U8 with two to a byte and rows padded to a byte, or floats, one a block. */
  readonly zeroPoints?: OnnxTensor;
  readonly outputs: number;
  readonly inputs: number;
  readonly blockSize: number;
}

/** Zero point of a symmetric block. */
const MIDDLE = 8;
/** Weights that are de-quantised from one read. */
const CHUNK_ELEMENTS = 2 ** 22;

export class BlockMatrix implements Matrix {
  readonly type = "Q4";
  readonly outputs: number;
  readonly inputs: number;
  readonly blockSize: number;
  readonly tensorName: string;
  /** What holds it in the file. */
  readonly parts: Blocks;
  /** In a row. */
  readonly #blocks: number;

  /** Throws UserError when the sizes of the parts do not fit each other; `file` stands in its message. */
  constructor(file: string, parts: Blocks) {
    this.outputs = parts.outputs;
    this.inputs = parts.inputs;
    this.blockSize = parts.blockSize;
    this.tensorName = parts.values.name;
    this.parts = parts;
    this.#blocks = Math.ceil(parts.inputs / parts.blockSize);
    checkSizes(file, parts, this.#blocks);
  }

  async read(row: number, rows: number): Promise<Float32Array> {
    const result = new Float32Array(rows * this.inputs);
    const chunk = Math.max(1, Math.floor(CHUNK_ELEMENTS / this.inputs));
    for (let done = 0; done < rows; done += chunk) {
      const count = Math.min(chunk, rows - done);
      const into = result.subarray(done * this.inputs, (done + count) * this.inputs);
      await this.#readRows(row + done, count, into);
    }
    return result;
  }

  /** The blocks of rows `row` to `row + rows - 1` as they are, nothing de-quantised. */
  async readBlocks(row: number, rows: number): Promise<Blocks4> {
    const { values, scales, zeroPoints, blockSize } = this.parts;
    const [blocks, rowBytes] = [this.#blocks, (this.#blocks * blockSize) / 2];
    return {
      blockSize,
      values: await values.bytes(row * rowBytes, rows * rowBytes),
      scales: await scales.read(row * blocks, rows * blocks),
      ...(zeroPoints && { zeros: await this.#zeroPoints(row, rows) }),
    };
  }

  /** How a device holds it without unpacking; undefined where blocks or rows are no whole records. */
  get blockType(): Q4Type | undefined {
    if (this.blockSize % Q4_BLOCK !== 0 || this.inputs % Q4_BLOCK !== 0) return undefined;
    return this.parts.zeroPoints ? "q4z" : "q4";
  }

  async #readRows(row: number, rows: number, into: Float32Array): Promise<void> {
    const { values, scales, blockSize } = this.parts;
    const [blocks, rowBytes] = [this.#blocks, (this.#blocks * blockSize) / 2];
    const packed = await values.bytes(row * rowBytes, rows * rowBytes);
    const scale = await scales.read(row * blocks, rows * blocks);
    const zero = await this.#zeroPoints(row, rows);
    for (let block = 0; block < rows * blocks; block++) {
      const [row, first] = [Math.floor(block / blocks), (block % blocks) * blockSize];
      const count = Math.min(blockSize, this.inputs - first);
      const [from, to] = [(block * blockSize) / 2, row * this.inputs + first];
      const [s, z] = [scale[block]!, zero[block]!];
      for (let k = 0; k < count; k += 2) {
        const byte = packed[from + (k >> 1)]!;
        into[to + k] = ((byte & 15) - z) * s;
        if (k + 1 < count) into[to + k + 1] = ((byte >> 4) - z) * s;
      }
    }
  }

  /** One zero point a block, [rows,blocks]. */
  async #zeroPoints(row: number, rows: number): Promise<Float32Array> {
    const { zeroPoints } = this.parts;
    const blocks = this.#blocks;
    if (!zeroPoints) return new Float32Array(rows * blocks).fill(MIDDLE);
    if (zeroPoints.type !== "U8") return zeroPoints.read(row * blocks, rows * blocks);
    const rowBytes = Math.ceil(blocks / 2);
    const packed = await zeroPoints.bytes(row * rowBytes, rows * rowBytes);
    return Float32Array.from({ length: rows * blocks }, (_, i) => {
      const block = i % blocks;
      const byte = packed[Math.floor(i / blocks) * rowBytes + (block >> 1)]!;
      return block % 2 === 0 ? byte & 15 : byte >> 4;
    });
  }
}

function checkSizes(file: string, parts: Blocks, blocks: number): void {
  const { values, scales, zeroPoints, outputs, inputs, blockSize } = parts;
  const refuse = (tensor: OnnxTensor, wanted: string): never => {
    throw new UserError(
      `4-bit weights "${values.name}" [${outputs},${inputs}] in blocks of ${blockSize} in ${file} do not fit together: "${tensor.name}" is ${tensor.type} [${tensor.dims}], and ${wanted} is needed. Export the model again.`,
    );
  };
  const valueBytes = (outputs * blocks * blockSize) / 2;
  if (!Number.isSafeInteger(valueBytes) || blockSize < 2 || blockSize % 2 !== 0)
    refuse(values, "an even block size");
  if (values.type !== "U8" || values.count !== valueBytes) refuse(values, `U8 of ${valueBytes} bytes`);
  if (scales.type === "U8" || scales.count !== outputs * blocks) refuse(scales, `${outputs * blocks} floats`);
  if (!zeroPoints) return;
  const zeros = zeroPoints.type === "U8" ? outputs * Math.ceil(blocks / 2) : outputs * blocks;
  if (zeroPoints.count !== zeros) refuse(zeroPoints, `${zeros} numbers`);
}
