// A safetensors file in pieces, a tensor at a time, as F32 or in the half precisions that hubs have. The container itself is
// safetensors.ts.

import { bands } from "../common/bands.ts";
import { fromBfloat16, toBfloat16 } from "../common/bf16.ts";
import { fromHalves, toHalves } from "../common/f16.ts";
import type { EncodedFile } from "./encoded-file.ts";
import type { TensorPlan } from "./safetensors.ts";
import { safetensorsHead, tensorBytes } from "./safetensors.ts";

/** A tensor that is read when its turn comes. */
export interface StreamedTensor extends TensorPlan {
  readonly dtype: "F32" | "F16" | "BF16";
  /** Row-major; rounded to the nearest number of `dtype`. */
  values(): Promise<Float32Array>;
  /** Rows `row` to `row + rows - 1` of a matrix; absent: it is written whole. */
  rows?(row: number, rows: number): Promise<Float32Array>;
}

const UNROUNDED = { F16: fromHalves, BF16: fromBfloat16 } as const;
const ROUNDED = { F16: toHalves, BF16: toBfloat16 } as const;

/** The file of `tensors`, in the given order. */
export function encodeSafetensors(
  tensors: readonly StreamedTensor[],
  metadata?: Readonly<Record<string, string>>,
): EncodedFile {
  const head = safetensorsHead(tensors, metadata);
  return {
    size: tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), head.length),
    async *pieces() {
      yield head;
      for (const tensor of tensors)
        for await (const values of piecesOf(tensor)) yield floatBytes(values, tensor.dtype);
    },
  };
}

async function* piecesOf(tensor: StreamedTensor): AsyncGenerator<Float32Array> {
  const [rows = 0, columns] = tensor.shape;
  if (!tensor.rows || columns === undefined) yield await tensor.values();
  else for (const [row, count] of bands(0, rows, columns)) yield await tensor.rows(row, count);
}

/** `values` as the little-endian bytes of a file that holds `dtype`, rounded to the nearest of its numbers. */
export function floatBytes(values: Float32Array, dtype: StreamedTensor["dtype"]): Uint8Array {
  const { buffer, byteOffset, byteLength } = dtype === "F32" ? values : ROUNDED[dtype](values);
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** The nearest number of `dtype`. */
export const roundFloat = (value: number, dtype: StreamedTensor["dtype"]): number =>
  dtype === "F32" ? Math.fround(value) : UNROUNDED[dtype](ROUNDED[dtype](Float32Array.of(value)))[0]!;
