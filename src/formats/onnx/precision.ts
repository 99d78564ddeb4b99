// How the weights of an ONNX file that we write are stored, and what follows for its graph.

import { DATA_TYPE } from "./encode.ts";
import type { DecoderShape } from "./shape.ts";

/** int4: matrices as 4-bit blocks of MatMulNBits, everything else float32. */
export const WEIGHT_PRECISIONS = ["float32", "float16", "int4"] as const;
export type WeightPrecision = (typeof WEIGHT_PRECISIONS)[number];

/** Weights that share a scale in int4. */
export const BLOCK_SIZE = 32;

/** Type of everything that is not a 4-bit block. */
export const floatType = (precision: WeightPrecision): number =>
  precision === "float16" ? DATA_TYPE.float16 : DATA_TYPE.float;

/** Whether a tied embedding is read from the 4-bit blocks of the head; else it stands beside them in float32. */
export const sharesBlocks = ({ tied, hidden }: DecoderShape, precision: WeightPrecision): boolean =>
  precision === "int4" && tied && hidden % BLOCK_SIZE === 0;
