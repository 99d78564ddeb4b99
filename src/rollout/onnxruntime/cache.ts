// Keys and values of a batch between two runs of a session. A run makes them anew with one entry more for every row; this
// file joins rows of several such caches to a new batch, on the device where the session is there. Nothing is computed.

import type * as ort from "onnxruntime-web";

import type { Allocator, Recorder, Tensor } from "../../gpu/index.ts";
import { GpuAllocator } from "../../gpu/index.ts";
import { emptyCaches } from "./feeds.ts";
import type { CacheSide } from "./layout.ts";
import type { OrtFeeds, OrtSession } from "./runtime.ts";

export interface CacheShape {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly isHalf: boolean;
}

/** Keys and values of rows [R,kvHeads,capacity,headSize] for every layer. */
export interface KeyValueCache {
  /** By the name of the input that takes them. */
  readonly tensors: ReadonlyMap<string, ort.Tensor>;
  /** Entries that each row has room for. */
  readonly capacity: number;
  dispose(): void;
}

/** Entries `first` to `first + length - 1` of a row. */
export interface CachedRow {
  readonly cache: KeyValueCache;
  readonly row: number;
  readonly first: number;
  readonly length: number;
}

const PARTS = ["key", "value"] as const;
const eachName = (layers: number): readonly (readonly [past: string, present: string])[] =>
  Array.from({ length: layers }, (_, layer) =>
    PARTS.map((part) => [`past_key_values.${layer}.${part}`, `present.${layer}.${part}`] as const),
  ).flat();

/** What a run made of the cache that it was fed. */
export function presentCache(outputs: OrtFeeds, { layers }: CacheShape): KeyValueCache {
  const tensors = new Map(eachName(layers).map(([past, present]) => [past, outputs[present]!]));
  const capacity = tensors.values().next().value!.dims[2]!;
  return { tensors, capacity, dispose: () => tensors.forEach((tensor) => tensor.dispose()) };
}

/** Joins rows to caches for a session. */
export class CacheJoiner {
  readonly #session: OrtSession;
  readonly #recorder: Recorder;
  readonly #shape: CacheShape;
  readonly #side: CacheSide;

  constructor(session: OrtSession, recorder: Recorder, shape: CacheShape, side: CacheSide) {
    this.#session = session;
    this.#recorder = recorder;
    this.#shape = shape;
    this.#side = side;
  }

  /** A cache of `rows` without entries. */
  empty(rows: number): KeyValueCache {
    const tensors = new Map(Object.entries(emptyCaches(this.#session, this.#shape, rows)));
    return { tensors, capacity: 0, dispose: () => {} };
  }

  /** A cache with these rows in this order, zero where a row has no entry. */
  join(rows: readonly CachedRow[]): KeyValueCache {
    const capacity = Math.max(...rows.map(({ length }) => length));
    if (capacity === 0) return this.empty(rows.length);
    const { kvHeads, headSize, layers } = this.#shape;
    const dims = [rows.length, kvHeads, capacity, headSize];
    const onDevice = this.#session.backend === "webgpu";
    const allocator = new GpuAllocator(this.#recorder.gpu);
    const joined = (past: string): ort.Tensor =>
      onDevice
        ? this.#joinOnDevice(allocator, past, rows, dims)
        : this.#onHost(this.#joinOnHost(past, rows, dims), dims);
    try {
      const tensors = new Map(eachName(layers).map(([past]) => [past, joined(past)]));
      return { tensors, capacity, dispose: () => allocator.destroy() };
    } catch (error) {
      allocator.destroy();
      throw error;
    }
  }

  #joinOnDevice(allocator: Allocator, past: string, rows: readonly CachedRow[], dims: number[]): ort.Tensor {
    const { isHalf } = this.#shape;
    const target = allocator.tensor("onnxRuntime", past, dims, isHalf ? "f16" : "f32");
    for (const { row, from, to, bytes } of this.#copies(rows, dims)) {
      const source = rows[row]!.cache.tensors.get(past)!;
      this.#recorder.copyRange(bufferOf(source, target), from, target, to, bytes);
    }
    return this.#session.gpu(target, dims, isHalf ? "float16" : "float32");
  }

  #joinOnHost(past: string, rows: readonly CachedRow[], dims: number[]): Uint8Array<ArrayBuffer> {
    const target = new Uint8Array(dims.reduce((a, b) => a * b, this.#elementBytes));
    for (const { row, from, to, bytes } of this.#copies(rows, dims)) {
      const { buffer, byteOffset } = rows[row]!.cache.tensors.get(past)!.data as Float32Array;
      target.set(new Uint8Array(buffer, byteOffset + from, bytes), to);
    }
    return target;
  }

  get #elementBytes(): number {
    return this.#shape.isHalf ? 2 : 4;
  }

  /** Byte ranges to copy: for each row and head its entries lie side by side. */
  *#copies(rows: readonly CachedRow[], [, heads, capacity, headSize]: number[]) {
    const entry = headSize! * this.#elementBytes;
    for (const [row, { cache, row: source, first, length }] of rows.entries()) {
      if (length === 0) continue;
      const start = this.#side === "first" ? 0 : capacity! - length;
      for (let head = 0; head < heads!; head++) {
        const from = ((source * heads! + head) * cache.capacity + first) * entry;
        const to = ((row * heads! + head) * capacity! + start) * entry;
        yield { row, from, to, bytes: length * entry };
      }
    }
  }

  #onHost(bytes: Uint8Array<ArrayBuffer>, dims: readonly number[]): ort.Tensor {
    const { buffer } = bytes;
    return this.#session.numbers(
      this.#shape.isHalf ? new Uint16Array(buffer) : new Float32Array(buffer),
      dims,
    );
  }
}

/** A tensor of ONNX Runtime on the device as one to copy from; `like` gives what copying does not look at. */
export const bufferOf = (tensor: ort.Tensor, like: Tensor): Tensor => ({
  ...like,
  label: "ONNX Runtime's",
  offset: 0,
  buffer: tensor.gpuBuffer as GPUBuffer,
});
