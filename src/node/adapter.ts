// WebGPU in Node: loads Dawn from the `webgpu` package and puts it where a browser has it, so that nothing else in the
// engine knows that there is no browser. Which driver Dawn sees was decided before this process started
// (find-adapter.mjs); devices are made by src/gpu.

import { GpuError } from "../common/errors.ts";

/**
 * Dawn rounds GPU timestamps to 65.5 microseconds, as a browser does against timing attacks (measured here with 0.6.2);
 * most kernels are shorter than that, and in Node there is nobody to protect, so the profiler gets the real ones.
 */
const WITHOUT = "timestamp_quantization";

/** Held for the life of the process: Dawn goes away with the last reference, and takes the devices with it. */
let dawn: GPU | undefined;

/**
 * Puts `navigator.gpu` and the WebGPU globals (`GPUBufferUsage` ...) in place and returns the former. A second call
 * returns the same. Throws GpuError when the launcher found no adapter or the optional package is missing.
 */
export async function installWebGpu(): Promise<GPU> {
  dawn ??= globalThis.navigator?.gpu;
  if (dawn) return dawn;
  const problem = process.env["GRADUS_NO_ADAPTER"];
  if (problem) throw new GpuError(problem);
  const { create, globals } = await loadDawn();
  Object.assign(globalThis, globals);
  // What the launcher found to be in the way with its driver.
  const without = [WITHOUT, process.env["GRADUS_DAWN_WITHOUT"]].filter(Boolean).join(",");
  dawn = create([`disable-dawn-features=${without}`]);
  // Node 20 has no navigator; later ones have one that can be extended, but not assigned.
  if (!globalThis.navigator)
    Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  Object.defineProperty(globalThis.navigator, "gpu", { value: dawn, configurable: true });
  return dawn;
}

/** The adapter of this machine, the fastest first. Throws GpuError that says what to install when there is none. */
export async function requestAdapter(): Promise<GPUAdapter> {
  const gpu = await installWebGpu();
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter) return adapter;
  throw new GpuError(
    "Dawn found no WebGPU adapter in this process. Start it with npm run gradus or npm test, which look for a driver.",
  );
}

async function loadDawn(): Promise<{ create: (options: string[]) => GPU; globals: object }> {
  try {
    return await import("webgpu");
  } catch (cause) {
    throw new GpuError(
      "Node has no WebGPU without the optional package webgpu, which is not installed. Run npm ci.",
      {
        cause,
      },
    );
  }
}
