// Creates the buffers that a plan counted and keeps the books: live bytes per owner, buffers ever created. Buffers are
// made before a run and live until `destroy`; nothing inside a step calls this.

import { GpuError } from "../common/errors.ts";
import type { Gpu } from "./device.ts";
import type { Allocator, ElementType, Owner, Tensor } from "./tensor.ts";
import { byteLength, elementCount } from "./tensor.ts";

/** Owns buffers of one device; `destroy` frees all of them. */
export class GpuAllocator implements Allocator {
  readonly #gpu: Gpu;
  readonly #tensors: Tensor[] = [];

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** Throws GpuError when one buffer of this size cannot exist on the device. */
  tensor(owner: Owner, label: string, shape: readonly number[], type: ElementType = "f32"): Tensor {
    const bytes = Math.max(4, byteLength(elementCount(shape), type));
    if (bytes > this.#gpu.maxBufferBytes) {
      throw new GpuError(
        `${label} [${shape}] needs one buffer of ${bytes} bytes, and this device allows ${this.#gpu.maxBufferBytes}: choose a smaller token budget, fewer responses at once, or a smaller model.`,
      );
    }
    const buffer = this.#gpu.device.createBuffer({
      label,
      size: bytes,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    const tensor: Tensor = {
      label,
      owner,
      shape,
      type,
      bufferId: this.#gpu.newId(),
      offset: 0,
      bytes,
      buffer,
    };
    this.#count(owner, bytes);
    this.#gpu.usage.buffersCreated++;
    this.#tensors.push(tensor);
    return tensor;
  }

  /** Frees every buffer made here; tensors and views of them are dead afterwards. */
  destroy(): void {
    for (const tensor of this.#tensors.splice(0)) {
      tensor.buffer!.destroy();
      this.#count(tensor.owner, -tensor.bytes);
    }
    this.#gpu.compiler.forgetBindGroups();
  }

  #count(owner: Owner, bytes: number): void {
    const books = this.#gpu.usage.bytes;
    books.set(owner, (books.get(owner) ?? 0) + bytes);
  }
}

/**
 * Runs `allocate` and waits until the device has confirmed the memory. Throws GpuError when it has not, after freeing
 * what was allocated.
 */
export async function allocateOrFail<T>(
  gpu: Gpu,
  allocate: (allocator: GpuAllocator) => T,
): Promise<{ value: T; allocator: GpuAllocator }> {
  const allocator = new GpuAllocator(gpu);
  const before = gpu.liveBytes;
  gpu.device.pushErrorScope("out-of-memory");
  let value: T;
  try {
    value = allocate(allocator);
  } catch (error) {
    void gpu.device.popErrorScope();
    allocator.destroy();
    throw error;
  }
  const error = await gpu.device.popErrorScope();
  if (error) {
    const wanted = gpu.liveBytes - before;
    allocator.destroy();
    throw new GpuError(
      `The GPU is out of memory: ${(wanted / 2 ** 20).toFixed(0)} MiB were asked for. Close other tabs, lower the token budget, or train an adapter over a smaller base.`,
    );
  }
  return { value, allocator };
}
