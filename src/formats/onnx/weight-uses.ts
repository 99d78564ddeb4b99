// What is known of a decoder's weights once its graph is read: their values by Hugging Face name, and the nodes that take
// them, so that they can be replaced there. Only types; decoder-weights.ts finds them.

import type { Blocks4, Q4Type } from "../../common/q4.ts";
import type { AdapterUse, TensorUse } from "./edges.ts";
import type { Matrix } from "./matrix.ts";
import type { OnnxNode } from "./messages.ts";

export interface Weight {
  readonly shape: readonly number[];
  /** Values of rows `row` to `row + rows - 1` of a matrix, or of so many elements of a vector, f32, row-major. */
  read(row: number, rows: number): Promise<Float32Array>;
  /** Where the file has it in 4-bit blocks that a device can hold as they are. */
  readonly blocks?: { readonly type: Q4Type; read(row: number, rows: number): Promise<Blocks4> };
}

/** Rows of a tensor of the graph that are Hugging Face weights. */
export type Part = readonly [name: string, rows: number];

/** A node that multiplies with a matrix, or looks up in it; in a tied model the head is made of the embedding. */
export interface MatrixUse {
  readonly node: OnnxNode;
  /** What the file stores, without the adapter. */
  readonly matrix: Matrix;
  readonly parts: readonly Part[];
  /** An adapter in the file that is part of the weights. */
  readonly adapter?: AdapterUse;
}

/** A norm's scale, or a bias, where the graph takes it. */
export interface VectorUse extends TensorUse {
  readonly parts: readonly Part[];
}

export interface DecoderWeights {
  readonly weights: ReadonlyMap<string, Weight>;
  /** Every matrix as the graph has it, the embedding first and the head last: q, k, v are one where they are packed. */
  readonly matrices: readonly MatrixUse[];
  readonly vectors: readonly VectorUse[];
  /** [V,C] */
  readonly embedding: Matrix;
  /** [V,C]; the same tensor as the embedding, a copy of it, or another matrix. */
  readonly head: Matrix;
  readonly isPacked: boolean;
  /** The file holds an adapter beside its weights, which is added to them. */
  readonly hasAdapter: boolean;
}
