// Times each dispatch on the device with timestamp queries and adds them up per label. Switched on by setting
// `recorder.profiler`; it costs a pass per dispatch, so a profiled run is slower than a plain one. Browsers round
// timestamps to 100 microseconds unless developer features are on.

import type { Gpu } from "./device.ts";

const QUERIES = 4096;

export interface ProfileRow {
  readonly label: string;
  readonly count: number;
  readonly milliseconds: number;
}

/** Collects device time per label. Throws nothing where timestamps are missing: `supported` says so. */
export class Profiler {
  readonly supported: boolean;
  readonly #gpu: Gpu;
  readonly #queries: GPUQuerySet | undefined;
  readonly #resolve: GPUBuffer | undefined;
  readonly #staging: GPUBuffer | undefined;
  readonly #totals = new Map<string, { count: number; milliseconds: number }>();
  #labels: string[] = [];
  /** Dispatches that found no room since the last `collect`, and are missing from the totals. */
  dropped = 0;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    this.supported = gpu.features.has("timestamp-query");
    if (!this.supported) return;
    const { device } = gpu;
    this.#queries = device.createQuerySet({ label: "profiler", type: "timestamp", count: QUERIES });
    const size = 8 * QUERIES;
    this.#resolve = device.createBuffer({
      label: "profiler",
      size,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    this.#staging = device.createBuffer({
      label: "profiler",
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }

  /** Timestamp writes for the next pass, or undefined when the set is full or unsupported. */
  begin(label: string): GPUComputePassTimestampWrites | undefined {
    const at = 2 * this.#labels.length;
    if (!this.#queries || at + 2 > QUERIES) {
      this.dropped++;
      return undefined;
    }
    this.#labels.push(label);
    return { querySet: this.#queries, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
  }

  /** Called by the recorder before it finishes an encoder. */
  resolve(encoder: GPUCommandEncoder): void {
    if (!this.#queries || this.#labels.length === 0) return;
    encoder.resolveQuerySet(this.#queries, 0, 2 * this.#labels.length, this.#resolve!, 0);
  }

  /** Adds the finished passes to the totals; call after `recorder.done()`, at least every 2,048 dispatches. */
  async collect(): Promise<void> {
    const count = this.#labels.length;
    if (!this.#queries || count === 0) return;
    const encoder = this.#gpu.device.createCommandEncoder({ label: "profiler" });
    encoder.copyBufferToBuffer(this.#resolve!, 0, this.#staging!, 0, 16 * count);
    this.#gpu.device.queue.submit([encoder.finish()]);
    await this.#staging!.mapAsync(GPUMapMode.READ, 0, 16 * count);
    const times = new BigInt64Array(this.#staging!.getMappedRange(0, 16 * count).slice(0));
    this.#staging!.unmap();
    this.#labels.forEach((label, index) => {
      const total = this.#totals.get(label) ?? { count: 0, milliseconds: 0 };
      total.count++;
      total.milliseconds += Number(times[2 * index + 1]! - times[2 * index]!) / 1e6;
      this.#totals.set(label, total);
    });
    this.#labels = [];
  }

  /** Totals since the start, longest first. */
  rows(): ProfileRow[] {
    return [...this.#totals]
      .map(([label, total]) => ({ label, ...total }))
      .sort((a, b) => b.milliseconds - a.milliseconds);
  }
}
