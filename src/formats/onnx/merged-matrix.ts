// A projection's matrix with a low-rank adapter that the file holds beside it: W + B A, so that what is trained on is what
// the file computes. The adapter's scale is in B, where exporters fold it.

import { addLowRank } from "../../common/low-rank.ts";
import type { Matrix } from "./matrix.ts";

export class MergedMatrix implements Matrix {
  readonly outputs: number;
  readonly inputs: number;
  readonly type: Matrix["type"];
  readonly tensorName: string;
  readonly #base: Matrix;
  /** [rank,inputs] and [outputs,rank]. */
  readonly #a: Matrix;
  readonly #b: Matrix;

  /** `a` [rank,inputs] and `b` [outputs,rank] must fit `base` [outputs,inputs]. */
  constructor(base: Matrix, a: Matrix, b: Matrix) {
    this.outputs = base.outputs;
    this.inputs = base.inputs;
    this.type = base.type;
    this.tensorName = base.tensorName;
    this.#base = base;
    this.#a = a;
    this.#b = b;
  }

  async read(row: number, rows: number): Promise<Float32Array> {
    const rank = this.#a.outputs;
    const values = await this.#base.read(row, rows);
    const [a, b] = [await this.#a.read(0, rank), await this.#b.read(row, rows)];
    addLowRank(values, { a, b, rank, scale: 1 });
    return values;
  }
}
