// What the parts of a decoder's graph are made of: nodes with one output, products with weights, the names of constants.

import type { NodeSpec } from "./encode.ts";
import type { WeightPrecision } from "./precision.ts";
import { BLOCK_SIZE } from "./precision.ts";

export const MICROSOFT = "com.microsoft";
/** Constants by the names that the model builder gives them. */
export const ONE = { list: "/model/constants/INT64/[1]", scalar: "/model/constants/INT64/1" } as const;
/** Sizes of q, k and v, and shapes of the heads apart and side by side, by the names that the model builder gives them. */
export const listName = (values: readonly number[]): string =>
  `/model/constants/INT64/[${values.join(", ")}]`;
/** Where what attention wants of the mask is made. */
export const MASK = "/model/attn_mask_reformat/attn_mask_subgraph";
export const SEQUENCE_LENGTHS = `${MASK}/Sub/Cast/output_0`;
export const TOTAL_LENGTH = `${MASK}/Gather/Cast/output_0`;

/** How a decoder is laid out besides its shape. */
export interface GraphOptions {
  /** q, k and v have biases. */
  readonly hasBias: boolean;
  /** Heads of q and k are normalised. */
  readonly hasHeadNorms: boolean;
  readonly precision: WeightPrecision;
}

/** An operator with one output, called after its name. */
export const node = (
  op: string,
  name: string,
  inputs: readonly string[],
  attributes?: NodeSpec["attributes"],
): NodeSpec => ({ op, name, inputs, outputs: [`${name}/output_0`], ...(attributes && { attributes }) });

/** A product with the weights that are called after its path, from `inputs` to `outputs` channels. */
export function projection(
  path: string,
  input: string,
  [inputs, outputs]: readonly [inputs: number, outputs: number],
  precision: WeightPrecision,
): NodeSpec {
  const weight = `${path.slice(1).replaceAll("/", ".")}.MatMul.weight`;
  if (precision !== "int4") return node("MatMul", `${path}/MatMul`, [input, weight]);
  return {
    op: "MatMulNBits",
    domain: MICROSOFT,
    name: `${path}/MatMul_Q4`,
    inputs: [input, `${weight}_Q4`, `${weight}_scales`],
    outputs: [`${path}/MatMul/output_0`],
    attributes: {
      K: { int: inputs },
      N: { int: outputs },
      // 4 would round activations to 8 bits; 1 is float32.
      accuracy_level: { int: 1 },
      bits: { int: 4 },
      block_size: { int: BLOCK_SIZE },
    },
  };
}
