// A projection's matrix as Hugging Face shapes it, [out,in], whichever way the file stores it: transposed, as it is, or as
// a part of a matrix that several projections share. 4-bit blocks are in block-matrix.ts.

import type { ElementType, OnnxTensor } from "./tensor.ts";

/** W of y = x W^T, read by rows. */
export interface Matrix {
  /** Rows. */
  readonly outputs: number;
  /** Columns. */
  readonly inputs: number;
  readonly type: Exclude<ElementType, "U8"> | "Q4";
  /** The tensor that holds it; two matrices over the same tensor are one matrix. */
  readonly tensorName: string;
  /** Rows `row` to `row + rows - 1`, f32 [rows,inputs]. */
  read(row: number, rows: number): Promise<Float32Array>;
}

/** Numbers of a transposed matrix that are read at once. */
const BAND_ELEMENTS = 2 ** 22;

/** A matrix of floats. */
export class StoredMatrix implements Matrix {
  readonly outputs: number;
  readonly inputs: number;
  readonly type: Exclude<ElementType, "U8">;
  readonly tensorName: string;
  /** The tensor is [in,out], as a MatMul wants it. */
  readonly isTransposed: boolean;
  readonly #tensor: OnnxTensor;

  /** Over a tensor of two dimensions and floats. */
  constructor(tensor: OnnxTensor, type: Exclude<ElementType, "U8">, isTransposed: boolean) {
    const [first, second] = tensor.dims as [number, number];
    this.#tensor = tensor;
    this.tensorName = tensor.name;
    this.type = type;
    this.isTransposed = isTransposed;
    this.outputs = isTransposed ? second : first;
    this.inputs = isTransposed ? first : second;
  }

  async read(row: number, rows: number): Promise<Float32Array> {
    const { inputs, outputs } = this;
    if (!this.isTransposed) return this.#tensor.read(row * inputs, rows * inputs);
    const result = new Float32Array(rows * inputs);
    const band = Math.max(1, Math.floor(BAND_ELEMENTS / outputs));
    for (let i = 0; i < inputs; i += band) {
      const count = Math.min(band, inputs - i);
      const values = await this.#tensor.read(i * outputs, count * outputs);
      for (let r = 0; r < rows; r++) {
        const [to, from] = [r * inputs + i, row + r];
        for (let k = 0; k < count; k++) result[to + k] = values[from + k * outputs]!;
      }
    }
    return result;
  }

  /** Rows `row` to `row + rows - 1` of column `input` of a transposed matrix, f32 [rows], without reading the others. */
  readColumn(input: number, row: number, rows: number): Promise<Float32Array> {
    return this.#tensor.read(input * this.outputs + row, rows);
  }
}
