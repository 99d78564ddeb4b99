// The door of this folder.

export { allocateOrFail, GpuAllocator } from "./allocator.ts";
export { Gpu, openGpu } from "./device.ts";
export type { DeviceLoss, GpuOptions } from "./device.ts";
export { ceilDiv, grid } from "./grid.ts";
export type { Kernel } from "./kernel.ts";
export { ELEMENT_WORK } from "./pace.ts";
export { openRecorder } from "./open-recorder.ts";
export { Profiler } from "./profiler.ts";
export type { ProfileRow } from "./profiler.ts";
export { Recorder, RECORDER_BYTES } from "./recorder.ts";
export { selfTest } from "./self-test.ts";
export { elementCount, PlanAllocator, view } from "./tensor.ts";
export type { Allocator, ElementType, Owner, Tensor } from "./tensor.ts";
export type { Shader } from "./wgsl.ts";
