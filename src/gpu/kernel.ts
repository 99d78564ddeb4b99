// From WGSL text to something that can be dispatched: pipeline cache, bind group cache, params packing. Compilation is
// asked for at first use and reported with file and line; the caller sees a failure at its next awaited call.

import { BugError } from "../common/errors.ts";
import type { Gpu } from "./device.ts";
import type { Tensor } from "./tensor.ts";
import type { Binding, LinkedShader, Shader } from "./wgsl.ts";
import { link } from "./wgsl.ts";

/** What distinguishes one pipeline from another built from the same file. */
export interface KernelOptions {
  /** Files of `shaders/lib`; `reduce` becomes `reduce_subgroup` or `reduce_workgroup`, as the device prefers. */
  readonly libs?: readonly string[];
  /** Values of `override` constants. `WORKGROUP_SIZE` is filled in from the device's self-test. */
  readonly overrides?: Readonly<Record<string, number>>;
  /** Values of constants that WGSL wants at compile time (array sizes). */
  readonly consts?: Readonly<Record<string, number>>;
}

export type ParamValues = Readonly<Record<string, number>>;
export type BoundTensors = Readonly<Record<string, Tensor>>;

/** One entry point, compiled. Made by `Compiler.kernel`. */
export interface Kernel {
  readonly id: number;
  /** `rmsnorm.forward`: what labels and profiles show. */
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly linked: LinkedShader;
  /** Value of `WORKGROUP_SIZE`, or 1 when the shader has no such override. */
  readonly workgroupSize: number;
}

/** Compiles shaders for one device and remembers the results. */
export class Compiler {
  /** Set by the self-test (self-test.ts); safe values until then. */
  workgroupSize = 64;
  reduce: "workgroup" | "subgroup" = "workgroup";
  readonly #gpu: Gpu;
  readonly #subgroupMinSize: number;
  readonly #kernels = new Map<string, Kernel>();
  readonly #bindGroups = new Map<string, GPUBindGroup>();
  readonly #reports = new Set<Promise<void>>();

  constructor(gpu: Gpu, subgroupMinSize: number) {
    this.#gpu = gpu;
    this.#subgroupMinSize = subgroupMinSize;
  }

  /** Compiled entry `entry` of `shader`; the same object for the same arguments. */
  kernel(shader: Shader, entry: string, options: KernelOptions = {}): Kernel {
    const key = `${shader.name}.${entry}|${this.reduce}${this.workgroupSize}|${JSON.stringify(options)}`;
    let kernel = this.#kernels.get(key);
    if (!kernel) {
      kernel = this.#compile(shader, entry, options);
      this.#kernels.set(key, kernel);
    }
    return kernel;
  }

  /** Whether the driver takes entry `entry` of `shader`; unlike `kernel`, a refusal is no fault of the device. */
  async accepts(shader: Shader, entry: string, options: KernelOptions): Promise<boolean> {
    const { device } = this.#gpu;
    device.pushErrorScope("validation");
    const { code, overrides } = link(shader, entry, this.#libs(options));
    const module = device.createShaderModule({ label: shader.name, code });
    const constants = this.#constants(overrides, options);
    const compute = { module, entryPoint: entry, constants };
    const pipeline = device.createComputePipelineAsync({ label: shader.name, layout: "auto", compute });
    const isMade = await pipeline.then(
      () => true,
      () => false,
    );
    return (await device.popErrorScope()) === null && isMade;
  }

  /** Bind group of `tensors` for `kernel`, with the params slot bound at a dynamic offset. */
  bindGroup(kernel: Kernel, tensors: BoundTensors, params: GPUBuffer): GPUBindGroup {
    let key = `${kernel.id}`;
    for (const { name, access } of kernel.linked.bindings) {
      if (access === "uniform") continue;
      const tensor = tensors[name];
      if (!tensor) throw new BugError(`${kernel.label} needs a tensor for binding "${name}"`);
      key += `|${tensor.bufferId}:${tensor.offset}:${tensor.bytes}`;
    }
    let group = this.#bindGroups.get(key);
    if (!group) {
      group = this.#makeBindGroup(kernel, tensors, params);
      this.#bindGroups.set(key, group);
    }
    return group;
  }

  /** Settles when every compilation asked for so far has succeeded or been reported. */
  async settled(): Promise<void> {
    await Promise.all(this.#reports);
  }

  /** Drops cached bind groups, which keep destroyed buffers alive. */
  forgetBindGroups(): void {
    this.#bindGroups.clear();
  }

  #makeBindGroup(kernel: Kernel, tensors: BoundTensors, params: GPUBuffer): GPUBindGroup {
    const names = new Set(kernel.linked.bindings.map(({ name }) => name));
    for (const name of Object.keys(tensors)) {
      if (!names.has(name)) throw new BugError(`${kernel.label} has no binding "${name}"`);
    }
    return this.#gpu.device.createBindGroup({
      label: kernel.label,
      layout: kernel.layout,
      entries: kernel.linked.bindings.map(({ binding, name, access }) => ({
        binding,
        resource:
          access === "uniform"
            ? { buffer: params, offset: 0, size: PARAMS_SLOT_BYTES }
            : this.#storage(tensors[name]!),
      })),
    });
  }

  #storage(tensor: Tensor): GPUBufferBinding {
    if (!tensor.buffer) throw new BugError(`${tensor.label} exists only in a plan`);
    if (tensor.bytes > this.#gpu.maxBindingBytes) {
      throw new BugError(
        `${tensor.label} binds ${tensor.bytes} bytes, the limit is ${this.#gpu.maxBindingBytes}`,
      );
    }
    return { buffer: tensor.buffer, offset: tensor.offset, size: tensor.bytes };
  }

  #compile(shader: Shader, entry: string, options: KernelOptions): Kernel {
    const label = `${shader.name}.${entry}`;
    const linked = link(shader, entry, this.#libs(options), options.consts);
    const { device } = this.#gpu;
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ label, code: linked.code });
    const layout = device.createBindGroupLayout({ label, entries: linked.bindings.map(layoutEntry) });
    const constants = this.#constants(linked.overrides, options);
    const pipeline = device.createComputePipeline({
      label,
      layout: device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: entry, constants },
    });
    const report = this.#report(label, linked, module, device.popErrorScope());
    this.#reports.add(report);
    void report.finally(() => this.#reports.delete(report));
    return {
      id: this.#gpu.newId(),
      label,
      pipeline,
      layout,
      linked,
      workgroupSize: constants["WORKGROUP_SIZE"] ?? 1,
    };
  }

  #libs({ libs = [] }: KernelOptions): string[] {
    return libs.map((lib) => (lib === "reduce" ? `reduce_${this.reduce}` : lib));
  }

  #constants(declared: ReadonlySet<string>, { overrides }: KernelOptions): Record<string, number> {
    const constants: Record<string, number> = { ...overrides };
    if (declared.has("WORKGROUP_SIZE")) constants["WORKGROUP_SIZE"] ??= this.workgroupSize;
    if (declared.has("SUBGROUP_MIN_SIZE")) constants["SUBGROUP_MIN_SIZE"] = this.#subgroupMinSize;
    return constants;
  }

  async #report(
    label: string,
    linked: LinkedShader,
    module: GPUShaderModule,
    scope: Promise<GPUError | null>,
  ): Promise<void> {
    const error = await scope;
    if (!error) return;
    const info = await module.getCompilationInfo();
    const lines = info.messages
      .filter((message) => message.type === "error")
      .map((message) => `${linked.locate(message.lineNum)}:${message.linePos} ${message.message}`);
    this.#gpu.fail(new BugError(`${label} does not compile: ${lines.join("; ") || error.message}`));
  }
}

/** Bytes of one params slot: the largest dynamic offset alignment a device may ask for. */
export const PARAMS_SLOT_BYTES = 256;

function layoutEntry({ binding, access }: Binding): GPUBindGroupLayoutEntry {
  const buffer: GPUBufferBindingLayout =
    access === "uniform"
      ? { type: "uniform", hasDynamicOffset: true }
      : { type: access === "read" ? "read-only-storage" : "storage" };
  return { binding, visibility: GPUShaderStage.COMPUTE, buffer };
}

/** Writes `values` in the order of the shader's struct. Throws BugError on a missing, unknown or non-finite value. */
export function packParams(kernel: Kernel, values: ParamValues, into: DataView, offset: number): void {
  const fields = kernel.linked.params;
  if (Object.keys(values).length !== fields.length) {
    const names = fields.map(({ name }) => name);
    throw new BugError(
      `${kernel.label} takes params ${names.join(", ")}; got ${Object.keys(values).join(", ")}`,
    );
  }
  fields.forEach(({ name, type }, index) => {
    const value = values[name];
    if (value === undefined || !Number.isFinite(value))
      throw new BugError(`${kernel.label}: param ${name} is ${value}`);
    const at = offset + 4 * index;
    if (type === "f32") into.setFloat32(at, value, true);
    else if (type === "u32") into.setUint32(at, value, true);
    else into.setInt32(at, value, true);
  });
}
