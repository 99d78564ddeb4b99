// What the rest of the engine holds instead of a GPUBuffer: a labelled, shaped range of one. This file also owns the
// two ways of making them: `PlanAllocator` only counts bytes, `GpuAllocator` (allocator.ts) creates buffers. The same
// code runs through both, so a memory plan is true by construction. It never reads or writes device memory.

import { BugError } from "../common/errors.ts";
import { isQ4, q4Words } from "../common/q4.ts";

/**
 * Element types of device memory. `f16` is two halves packed in a u32 (read with `unpack2x16float`). `q4` and `q4z` are
 * blocks of 32 weights of 4 bits with a scale, and with a scale and a zero point (common/q4.ts); only frozen matrices are.
 */
export type ElementType = "f32" | "u32" | "f16" | "q4" | "q4z";

/** Who a byte belongs to; the memory plan and the page show one number per owner. */
export type Owner =
  | "weights"
  | "adapter"
  | "optimizer"
  | "critic"
  | "activations"
  | "head"
  | "kvCache"
  | "batch"
  | "onnxRuntime"
  | "system";

/** A range of device memory with a shape, row-major. `buffer` is absent in a plan. */
export interface Tensor {
  readonly label: string;
  readonly owner: Owner;
  readonly shape: readonly number[];
  readonly type: ElementType;
  /** Identity of the underlying buffer; two tensors that share it may not be bound read and read_write together. */
  readonly bufferId: number;
  /** Start within the buffer, bytes, a multiple of 256. */
  readonly offset: number;
  /** Length in bytes, a multiple of 4. */
  readonly bytes: number;
  readonly buffer?: GPUBuffer;
}

/** Makes tensors: for real (`GpuAllocator`) or on paper (`PlanAllocator`). */
export interface Allocator {
  /** A new tensor of `shape` elements, zero-filled. */
  tensor(owner: Owner, label: string, shape: readonly number[], type?: ElementType): Tensor;
}

/** Bindings start at multiples of this many bytes (`minStorageBufferOffsetAlignment`, default limit). */
const OFFSET_ALIGNMENT = 256;

/** Product of `shape`. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Bytes that `count` elements of `type` take in device memory, rounded up to whole words. */
export function byteLength(count: number, type: ElementType): number {
  if (type === "f16") return Math.ceil(count / 2) * 4;
  if (isQ4(type)) return q4Words(count, type) * 4;
  return count * 4;
}

/**
 * A view of `shape` elements that starts `elements` after the start of `tensor`; no memory moves.
 * Throws BugError when the start is not aligned to 256 bytes or the view leaves the tensor.
 */
export function view(
  tensor: Tensor,
  elements: number,
  shape: readonly number[],
  label = tensor.label,
): Tensor {
  const start = byteLength(elements, tensor.type);
  const bytes = byteLength(elementCount(shape), tensor.type);
  if (start % OFFSET_ALIGNMENT !== 0 || start + bytes > tensor.bytes) {
    throw new BugError(
      `view ${label} [${shape}] at element ${elements} does not fit ${tensor.label} [${tensor.shape}]`,
    );
  }
  return { ...tensor, label, shape, offset: tensor.offset + start, bytes };
}

/** Counts bytes per owner without touching a device. Same interface as the real allocator. */
export class PlanAllocator implements Allocator {
  readonly bytes = new Map<Owner, number>();
  #largest: Tensor | undefined;

  tensor(owner: Owner, label: string, shape: readonly number[], type: ElementType = "f32"): Tensor {
    const bytes = Math.max(4, byteLength(elementCount(shape), type));
    this.bytes.set(owner, (this.bytes.get(owner) ?? 0) + bytes);
    const tensor: Tensor = { label, owner, shape, type, bufferId: -1, offset: 0, bytes };
    if (!this.#largest || bytes > this.#largest.bytes) this.#largest = tensor;
    return tensor;
  }

  /** Sum over owners, bytes. */
  get total(): number {
    return [...this.bytes.values()].reduce((a, b) => a + b, 0);
  }

  /** The largest single tensor, which a device limit may refuse. */
  get largest(): Tensor | undefined {
    return this.#largest;
  }
}
