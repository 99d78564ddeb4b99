// Opens a device with exactly the features and limits that the engine asks for by name, and turns everything that can
// go wrong with it (missing, too small, lost, out of memory, uncaptured errors) into one sentence. Kernels, buffers and
// recording live in their own files; `Gpu` is what they share.

import { BugError, GpuError } from "../common/errors.ts";
import { Compiler } from "./kernel.ts";

/** Limits that every kernel here is written for: the defaults of the WebGPU specification. */
const NEEDED_LIMITS = {
  maxStorageBuffersPerShaderStage: 8,
  maxStorageBufferBindingSize: 128 * 2 ** 20,
  maxBufferSize: 256 * 2 ** 20,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupsPerDimension: 65535,
} as const;

type LimitName = keyof typeof NEEDED_LIMITS;

/**
 * Limits that are asked for as the adapter has them. Kernels here use the first two; the others are for ONNX Runtime, which
 * takes what its own device would have for granted and fails within a run on one that has less.
 */
const RAISED_LIMITS = [
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxStorageBuffersPerShaderStage",
  "maxBindGroups",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension",
] as const;

/** Taken where the adapter has them; halves as a type of shaders are ONNX Runtime's alone. */
const FEATURES: readonly GPUFeatureName[] = ["subgroups", "timestamp-query", "shader-f16"];
/**
 * Subgroups of fewer lanes are not used: ONNX Runtime 1.30 computes attention over 32 tokens and more wrongly on them (seen on
 * SwiftShader, 4 lanes: logits off by 4), and none of our faster products run there.
 */
const LEAST_LANES = 8;

const ERROR_FILTERS: readonly GPUErrorFilter[] = ["validation", "out-of-memory", "internal"];

/** Longest wait for a device to tell that it is gone. */
const LOSS_MS = 1000;

export interface GpuOptions {
  /** `navigator.gpu`, or the object that Dawn's Node bindings create. */
  readonly gpu: GPU | undefined;
  /** `default` leaves every limit at the specification's default, as on the weakest device. */
  readonly limits?: "adapter" | "default";
  /** Treat larger bindings as unavailable, bytes; tests force tiling with it. */
  readonly maxBindingBytes?: number;
  /** Features not to use although the adapter has them. */
  readonly withoutFeatures?: readonly GPUFeatureName[];
}

/** Why a device went away. `reason` is `destroyed` when we asked for it. */
export interface DeviceLoss {
  readonly reason: GPUDeviceLostReason;
  readonly message: string;
}

/** A device with what is known about it. Create with `openGpu`. */
export class Gpu {
  readonly device: GPUDevice;
  readonly features: ReadonlySet<string>;
  /** Human-readable adapter name. */
  readonly adapterName: string;
  /** The adapter computes on the processor. */
  readonly isSoftware: boolean;
  /** Largest storage binding that may be used, bytes. */
  readonly maxBindingBytes: number;
  readonly maxBufferBytes: number;
  /** What a person says that there is for a run; WebGPU does not tell, so nobody knows where it is undefined. */
  memoryBytes: number | undefined;
  /** Settles when the device is lost; never rejects. */
  readonly lost: Promise<DeviceLoss>;
  readonly compiler: Compiler;
  /** Live bytes per owner and buffers ever created, kept by the allocator. */
  readonly usage = { bytes: new Map<string, number>(), buffersCreated: 0, submits: 0, dispatches: 0 };
  #fault: Error | undefined;
  #hasRecorder = false;
  #nextId = 1;

  constructor(device: GPUDevice, info: GPUAdapterInfo, maxBindingBytes: number) {
    this.device = device;
    this.features = new Set(device.features);
    this.adapterName =
      info.description || [info.vendor, info.architecture].filter(Boolean).join(" ") || "unknown";
    this.isSoftware = info.isFallbackAdapter || /llvmpipe|swiftshader|lavapipe/i.test(this.adapterName);
    this.maxBindingBytes = Math.min(
      maxBindingBytes,
      device.limits.maxStorageBufferBindingSize,
      device.limits.maxBufferSize,
    );
    this.maxBufferBytes = device.limits.maxBufferSize;
    this.compiler = new Compiler(this, info.subgroupMinSize || 4);
    this.lost = device.lost.then(({ reason, message }) => {
      const lost = `The GPU device was lost (${reason}): ${message || "no reason was given"}. Start again from the last checkpoint; a smaller token budget makes this rarer.`;
      this.fail(new GpuError(reason === "destroyed" ? "The GPU device was closed." : lost));
      return { reason, message };
    });
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      const { error } = event as GPUUncapturedErrorEvent;
      // A shader that does not compile also refuses every command that uses it; its own report comes first.
      void this.compiler
        .settled()
        .then(() =>
          this.fail(new GpuError(`The GPU refused a command, and this run cannot go on: ${error.message}`)),
        );
    });
  }

  /** A number that no other buffer or kernel of this device has. */
  newId(): number {
    return this.#nextId++;
  }

  /** Bytes of live buffers over all owners. */
  get liveBytes(): number {
    return [...this.usage.bytes.values()].reduce((a, b) => a + b, 0);
  }

  /** Called by the one recorder of this device. */
  claimRecorder(): void {
    if (this.#hasRecorder) throw new BugError("this device has a recorder already: share it");
    this.#hasRecorder = true;
  }

  /** Remembers the first fault; from then on every call that records or reads throws it, until the device is reopened. */
  fail(error: Error): void {
    this.#fault ??= error;
  }

  /** Throws the first fault, if any. */
  check(): void {
    if (this.#fault) throw this.#fault;
  }

  /**
   * The value of `work`. What waits for a device that goes away is aborted without a word, and the device tells why a moment
   * later: throws that reason then.
   */
  async orReason<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      const patience = new Promise((resolve) => setTimeout(resolve, LOSS_MS));
      if (error instanceof DOMException) await Promise.race([this.lost, patience]);
      this.check();
      throw error;
    }
  }

  /**
   * The value of `work`, which another library does on this device. Throws GpuError for what the device refused meanwhile;
   * that is then no fault of the device, and others can go on. Nothing else may use the device until it has settled.
   */
  async guarded<T>(work: () => Promise<T>): Promise<T> {
    for (const filter of ERROR_FILTERS) this.device.pushErrorScope(filter);
    let errors: (GPUError | null)[] = [];
    let value: T;
    try {
      value = await work();
    } finally {
      errors = await Promise.all(ERROR_FILTERS.map(() => this.device.popErrorScope().catch(() => null)));
    }
    const error = errors.find((found) => found !== null);
    if (error) throw new GpuError(`The GPU refused a command: ${error.message}`);
    this.check();
    return value;
  }

  destroy(): void {
    this.device.destroy();
  }
}

/**
 * Opens the GPU. Throws GpuError when there is no WebGPU, no adapter, or a limit below the specification's default
 * (only then can a kernel not run), naming the limit, what was found and what is needed.
 */
export async function openGpu(options: GpuOptions): Promise<Gpu> {
  if (!options.gpu) {
    throw new GpuError(
      "WebGPU is not available here: use a current Chrome, Edge, Safari or Firefox, or in Node install the package webgpu.",
    );
  }
  const adapter = await asked(
    "an adapter",
    options.gpu.requestAdapter({ powerPreference: "high-performance" }),
  );
  if (!adapter) {
    throw new GpuError(
      "WebGPU found no graphics adapter: update the graphics driver, or switch on hardware acceleration in the browser's settings.",
    );
  }
  for (const [name, needed] of Object.entries(NEEDED_LIMITS)) {
    const found = adapter.limits[name as LimitName];
    if (found < needed) {
      throw new GpuError(
        `This graphics adapter offers ${name} = ${found}, and ${needed} is needed: a newer driver or another browser may offer it.`,
      );
    }
  }
  const device = await asked("a device", adapter.requestDevice(deviceDescriptor(adapter, options)));
  return new Gpu(device, adapter.info, options.maxBindingBytes ?? Number.POSITIVE_INFINITY);
}

async function asked<T>(what: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    throw new GpuError(
      `The graphics driver refused ${what}: ${String(cause)}. Close other tabs or programs that use the GPU, or restart the browser.`,
      { cause },
    );
  }
}

function deviceDescriptor(adapter: GPUAdapter, options: GpuOptions): GPUDeviceDescriptor {
  const isWide = (adapter.info.subgroupMinSize ?? 0) >= LEAST_LANES;
  const requiredFeatures = FEATURES.filter(
    (name) =>
      adapter.features.has(name) &&
      !options.withoutFeatures?.includes(name) &&
      (name !== "subgroups" || isWide),
  );
  const requiredLimits: Record<string, number> = {};
  if (options.limits !== "default") {
    for (const name of RAISED_LIMITS) requiredLimits[name] = adapter.limits[name];
  }
  return { label: "gradus", requiredFeatures, requiredLimits };
}
