// A safetensors file in pieces, a tensor at a time, as F32 or in the half precisions that hubs have. The container itself is
// safetensors.ts.

import { toBfloat16 } from "../common/bf16.ts";
import { toHalves } from "../common/f16.ts";
import type { EncodedFile } from "./encoded-file.ts";
import type { TensorPlan } from "./safetensors.ts";
import { safetensorsHead, tensorBytes } from "./safetensors.ts";

/** A tensor that is read when its turn comes. */
export interface StreamedTensor extends TensorPlan {
  readonly dtype: "F32" | "F16" | "BF16";
  /** Row-major; rounded to the nearest number of `dtype`. */
  values(): Promise<Float32Array>;
}

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
      for (const tensor of tensors) yield await bytesOf(tensor);
    },
  };
}

async function bytesOf(tensor: StreamedTensor): Promise<Uint8Array> {
  const values = await tensor.values();
  const { buffer, byteOffset, byteLength } = tensor.dtype === "F32" ? values : ROUNDED[tensor.dtype](values);
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}
