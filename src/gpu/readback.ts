// Staging buffers through which results come back to the host, made once and reused in turn.

import type { Gpu } from "./device.ts";

const SLOTS = 3;
const SLOT_BYTES = 2 ** 20;
/** Bytes of a ring. */
export const READBACK_BYTES = SLOTS * SLOT_BYTES;

/** A ring of mappable buffers. `takeFree` and `take` hand one out; `map` copies it out and frees it. */
export class ReadbackRing {
  readonly slotBytes = SLOT_BYTES;
  readonly #free: GPUBuffer[] = [];
  readonly #waiting: ((slot: GPUBuffer) => void)[] = [];

  constructor(gpu: Gpu) {
    for (let i = 0; i < SLOTS; i++) {
      this.#free.push(
        gpu.device.createBuffer({
          label: `readback ${i}`,
          size: SLOT_BYTES,
          usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
        }),
      );
    }
    gpu.usage.buffersCreated += SLOTS;
    gpu.usage.bytes.set("system", (gpu.usage.bytes.get("system") ?? 0) + SLOTS * SLOT_BYTES);
  }

  /** A buffer nobody else is using, if there is one now. */
  takeFree(): GPUBuffer | undefined {
    return this.#free.pop();
  }

  /** A buffer nobody else is using, as soon as there is one. */
  take(): Promise<GPUBuffer> {
    const slot = this.#free.pop();
    return slot ? Promise.resolve(slot) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The first `bytes` of `slot` once the copy into it has been submitted and run. */
  async map(slot: GPUBuffer, bytes: number): Promise<Uint8Array> {
    try {
      await slot.mapAsync(GPUMapMode.READ, 0, bytes);
      const copy = new Uint8Array(slot.getMappedRange(0, bytes)).slice();
      slot.unmap();
      return copy;
    } finally {
      this.release(slot);
    }
  }

  /** Gives a buffer back unused. */
  release(slot: GPUBuffer): void {
    const next = this.#waiting.shift();
    if (next) next(slot);
    else this.#free.push(slot);
  }
}
