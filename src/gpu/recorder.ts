// Records dispatches and submits them in chunks that each keep the device busy for well under the time after which
// browsers kill GPU work. Owns the params ring, the readback ring and the measured speed that sizes a chunk. It creates
// no buffer after construction.

import { BugError } from "../common/errors.ts";
import type { Gpu } from "./device.ts";
import type { BoundTensors, Kernel, ParamValues } from "./kernel.ts";
import { packParams, PARAMS_SLOT_BYTES } from "./kernel.ts";
import { Pace } from "./pace.ts";
import type { Profiler } from "./profiler.ts";
import { READBACK_BYTES, ReadbackRing } from "./readback.ts";
import type { Tensor } from "./tensor.ts";

const PARAMS_SLOTS = 2048;
/** Bytes that a recorder itself takes on the device: params ring and readback ring. */
export const RECORDER_BYTES = PARAMS_SLOTS * PARAMS_SLOT_BYTES + READBACK_BYTES;

export type Workgroups = readonly [x: number, y?: number, z?: number];

/** One dispatch: what runs, on what, how large. */
export interface Dispatch {
  readonly kernel: Kernel;
  readonly params: ParamValues;
  readonly tensors: BoundTensors;
  readonly workgroups: Workgroups;
  /** Estimated cost in floating-point operations (memory-bound work: ELEMENT_WORK an element). Sizes the chunks. */
  readonly work: number;
}

/** The command stream of one device. Calls record; `flush`, `read` and `done` hand over to the device. */
export class Recorder {
  readonly gpu: Gpu;
  readonly pace = new Pace();
  profiler: Profiler | undefined;
  readonly #readback: ReadbackRing;
  readonly #params: GPUBuffer;
  readonly #paramsData = new ArrayBuffer(PARAMS_SLOTS * PARAMS_SLOT_BYTES);
  readonly #paramsView = new DataView(this.#paramsData);
  #slots = 0;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #pipeline: GPUComputePipeline | undefined;
  #work = 0;
  /** Reads that wait for a staging buffer: what is recorded now would run before their copies. */
  #waitingReads = 0;

  /** Throws BugError when the device has a recorder already: cached bind groups hold its params. */
  constructor(gpu: Gpu) {
    gpu.claimRecorder();
    this.gpu = gpu;
    this.#params = gpu.device.createBuffer({
      label: "params",
      size: this.#paramsData.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.#readback = new ReadbackRing(gpu);
    const books = gpu.usage.bytes;
    books.set("system", (books.get("system") ?? 0) + this.#paramsData.byteLength);
    gpu.usage.buffersCreated++;
  }

  /** Records one dispatch; submits first when the chunk is full. Dispatches run in the order recorded. */
  dispatch({ kernel, params, tensors, workgroups, work }: Dispatch): void {
    this.#checkOpen();
    const [x, y = 1, z = 1] = workgroups;
    if (x * y * z === 0) return;
    if (Math.max(x, y, z) > 65535)
      throw new BugError(`${kernel.label}: dispatch of ${x} x ${y} x ${z} workgroups`);
    if (this.#slots === PARAMS_SLOTS || (this.#work > 0 && this.#work + work > this.pace.chunkWork))
      this.flush();
    const offset = this.#slots++ * PARAMS_SLOT_BYTES;
    packParams(kernel, params, this.#paramsView, offset);
    const group = this.gpu.compiler.bindGroup(kernel, tensors, this.#params);
    const pass = this.#openPass(kernel.label);
    if (this.#pipeline !== kernel.pipeline) pass.setPipeline((this.#pipeline = kernel.pipeline));
    pass.setBindGroup(0, group, [offset]);
    pass.dispatchWorkgroups(x, y, z);
    this.#work += work;
    this.gpu.usage.dispatches++;
    if (this.profiler) this.#closePass();
  }

  /**
   * Cuts a dispatch that alone would exceed the chunk into runs of whole tiles and records them one by one.
   * `record(first, count)` records tiles `first .. first + count - 1`.
   */
  split(tiles: number, workPerTile: number, record: (first: number, count: number) => void): void {
    const run = Math.max(1, Math.floor(this.pace.chunkWork / Math.max(1, workPerTile)));
    for (let first = 0; first < tiles; first += run) record(first, Math.min(run, tiles - first));
  }

  /** Copies `bytes` (default: all of `from`) to the start of `to`. */
  copy(from: Tensor, to: Tensor, bytes = from.bytes): void {
    this.copyRange(from, 0, to, 0, bytes);
  }

  /** Copies `bytes` between byte positions of two tensors (multiples of 4). */
  copyRange(from: Tensor, fromByte: number, to: Tensor, toByte: number, bytes: number): void {
    this.#checkOpen();
    const encoder = this.#openEncoder();
    this.#closePass();
    encoder.copyBufferToBuffer(from.buffer!, from.offset + fromByte, to.buffer!, to.offset + toByte, bytes);
  }

  /** Fills `tensor` with zeros. */
  clear(tensor: Tensor): void {
    this.#checkOpen();
    const encoder = this.#openEncoder();
    this.#closePass();
    encoder.clearBuffer(tensor.buffer!, tensor.offset, tensor.bytes);
  }

  /** Uploads `data` to the start of `tensor`, in order with what was recorded before and after. */
  write(tensor: Tensor, data: ArrayBufferView<ArrayBuffer>, byteOffset = 0): void {
    if (byteOffset + data.byteLength > tensor.bytes) {
      throw new BugError(
        `${data.byteLength} bytes do not fit ${tensor.label} (${tensor.bytes} bytes) at ${byteOffset}`,
      );
    }
    this.#checkOpen();
    this.flush();
    this.gpu.device.queue.writeBuffer(
      tensor.buffer!,
      tensor.offset + byteOffset,
      data.buffer,
      data.byteOffset,
      data.byteLength,
    );
  }

  /**
   * Reads `bytes` of `tensor` (default: all) from byte `from`, as they are after everything recorded so far. What is
   * recorded afterwards does not show; where the staging ring is too small for that, recording before the read has
   * settled throws BugError.
   */
  async read(tensor: Tensor, bytes = tensor.bytes, from = 0): Promise<ArrayBuffer> {
    this.gpu.check();
    const result = new Uint8Array(bytes);
    const pieces: Promise<void>[] = [];
    let at = 0;
    const copyInto = (slot: GPUBuffer): void => {
      const start = at;
      const length = Math.min(this.#readback.slotBytes, bytes - start);
      this.#stage(tensor, from + start, slot, length);
      pieces.push(this.#readback.map(slot, length).then((piece) => result.set(piece, start)));
      at += length;
    };
    for (let slot; at < bytes && (slot = this.#readback.takeFree());) copyInto(slot);
    if (at < bytes) {
      this.#waitingReads++;
      try {
        while (at < bytes) copyInto(await this.#readback.take());
      } finally {
        this.#waitingReads--;
      }
    }
    await this.gpu.orReason(Promise.all(pieces));
    await this.gpu.compiler.settled();
    this.gpu.check();
    return result.buffer;
  }

  /** Copies into a staging buffer and submits; on a device that is gone the buffer goes back to the ring. */
  #stage(tensor: Tensor, from: number, slot: GPUBuffer, length: number): void {
    try {
      const encoder = this.#openEncoder();
      this.#closePass();
      encoder.copyBufferToBuffer(tensor.buffer!, tensor.offset + from, slot, 0, length);
      this.flush();
    } catch (error) {
      this.#readback.release(slot);
      throw error;
    }
  }

  /** `read` as 32-bit floats: `count` of them from element `from`. */
  async readF32(tensor: Tensor, count = tensor.bytes / 4, from = 0): Promise<Float32Array> {
    return new Float32Array(await this.read(tensor, 4 * count, 4 * from));
  }

  /** `read` as unsigned 32-bit integers. */
  async readU32(tensor: Tensor, count = tensor.bytes / 4): Promise<Uint32Array> {
    return new Uint32Array(await this.read(tensor, 4 * count));
  }

  /** Submits what is recorded, without waiting. */
  flush(): void {
    if (!this.#encoder) return;
    this.#closePass();
    this.profiler?.resolve(this.#encoder);
    const { queue } = this.gpu.device;
    if (this.#slots > 0)
      queue.writeBuffer(this.#params, 0, this.#paramsData, 0, this.#slots * PARAMS_SLOT_BYTES);
    queue.submit([this.#encoder.finish()]);
    this.gpu.usage.submits++;
    this.pace.submitted(this.#work, queue.onSubmittedWorkDone());
    this.#encoder = undefined;
    this.#slots = 0;
    this.#work = 0;
  }

  /** Submits and waits until the device has finished. Throws the device's first fault, if there was one. */
  async done(): Promise<void> {
    this.flush();
    await this.gpu.device.queue.onSubmittedWorkDone();
    await this.gpu.compiler.settled();
    this.gpu.check();
  }

  #checkOpen(): void {
    this.gpu.check();
    if (this.#waitingReads > 0)
      throw new BugError("a long read is under way: await it before recording more");
  }

  #openEncoder(): GPUCommandEncoder {
    this.gpu.check();
    return (this.#encoder ??= this.gpu.device.createCommandEncoder({ label: "gradus" }));
  }

  #openPass(label: string): GPUComputePassEncoder {
    if (!this.#pass) {
      const encoder = this.#openEncoder();
      const timestampWrites = this.profiler?.begin(label);
      this.#pass = encoder.beginComputePass(timestampWrites ? { label, timestampWrites } : { label });
    }
    return this.#pass;
  }

  #closePass(): void {
    this.#pass?.end();
    this.#pass = undefined;
    this.#pipeline = undefined;
  }
}
