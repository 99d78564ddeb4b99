// Graph inputs that stand in for weights of a session's graph, and their numbers from weights by name.

import { toHalves } from "../../common/f16.ts";

/** A graph input that stands in for weights. As a matrix [rows,columns] (a vector is one row); where no part lies it is 0. */
export interface WeightInput {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: "float32" | "float16";
  readonly parts: readonly WeightPart[];
}

export interface WeightPart {
  /** Hugging Face's or PEFT's name, e.g. `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`. */
  readonly parameter: string;
  /** The parameter's own shape; [1,n] of a vector. */
  readonly shape: readonly [rows: number, columns: number];
  /** The input holds it transposed. */
  readonly isTransposed: boolean;
  /** Where its first element lies in the input. */
  readonly row: number;
  readonly column: number;
  /** The input holds its values times this: alpha / r at B, else 1. */
  readonly scale: number;
}

/** The numbers of `input`, row-major; halves as their bits. `read` gives a parameter's values, f32, row-major. */
export async function inputValues(
  { dims, type, parts }: WeightInput,
  read: (parameter: string) => Promise<Float32Array>,
): Promise<Float32Array | Uint16Array> {
  const columns = dims.at(-1)!;
  const all = new Float32Array(dims.reduce((a, b) => a * b, 1));
  for (const part of parts) place(await read(part.parameter), part, all, columns);
  return type === "float16" ? toHalves(all) : all;
}

/** `values` of `part` into `all` [rows,columns]. */
function place(values: Float32Array, part: WeightPart, all: Float32Array, columns: number): void {
  const { shape, isTransposed, row, column, scale } = part;
  for (let r = 0; r < shape[0]; r++) {
    for (let c = 0; c < shape[1]; c++) {
      const [atRow, atColumn] = isTransposed ? [row + c, column + r] : [row + r, column + c];
      all[atRow * columns + atColumn] = scale * values[r * shape[1] + c]!;
    }
  }
}
