// The device layer: limits, linking and compile errors, parameters, chunked recording, readback, accounting, loss.

import { describe, expect, test } from "vitest";
import type { GpuAllocator } from "../../src/gpu/index.ts";
import {
  allocateOrFail,
  openGpu,
  PlanAllocator,
  Profiler,
  Recorder,
  selfTest,
  view,
} from "../../src/gpu/index.ts";
import { link } from "../../src/gpu/wgsl.ts";
import { openRecorder, sharedRecorder, upload, zeros } from "../harness.ts";

const SCALE = {
  name: "scale",
  code: `struct Params { count: u32, factor: f32 }
override WORKGROUP_SIZE: u32 = 64u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < params.count) { y[id.x] = y[id.x] * params.factor; }
}`,
};

function scale(recorder: Recorder, y: ReturnType<typeof zeros>, factor: number, work = 1000): void {
  const count = y.shape[0]!;
  const kernel = recorder.gpu.compiler.kernel(SCALE, "main");
  recorder.dispatch({
    kernel,
    params: { count, factor },
    tensors: { y },
    workgroups: [Math.ceil(count / kernel.workgroupSize)],
    work,
  });
}

test("dispatches run in the order recorded, each with its own parameters", async () => {
  const recorder = await sharedRecorder();
  const y = upload(recorder, [1, 2, 3]);
  for (let i = 0; i < 5000; i++) scale(recorder, y, i % 2 === 0 ? 2 : 0.5);
  scale(recorder, y, 10);
  expect([...(await recorder.readF32(y))]).toEqual([10, 20, 30]);
});

test("uploads happen in order with what was recorded", async () => {
  const recorder = await sharedRecorder();
  const y = upload(recorder, [1, 1]);
  const copy = zeros(recorder, [2]);
  scale(recorder, y, 3);
  recorder.copy(y, copy);
  recorder.write(y, Float32Array.of(7, 7));
  scale(recorder, y, 2);
  expect([...(await recorder.readF32(copy))]).toEqual([3, 3]);
  expect([...(await recorder.readF32(y))]).toEqual([14, 14]);
});

test("work beyond a chunk is submitted in several pieces", async () => {
  const recorder = await openRecorder();
  const y = upload(recorder, [1]);
  await recorder.done();
  const before = recorder.gpu.usage.submits;
  for (let i = 0; i < 10; i++) scale(recorder, y, 1, recorder.pace.chunkWork * 0.4);
  await recorder.done();
  expect(recorder.gpu.usage.submits - before).toBe(5);
});

test("a long dispatch is split into runs of tiles that cover it once", async () => {
  const recorder = await sharedRecorder();
  const runs: [number, number][] = [];
  recorder.split(10, recorder.pace.chunkWork / 3.5, (first, count) => runs.push([first, count]));
  expect(runs).toEqual([
    [0, 3],
    [3, 3],
    [6, 3],
    [9, 1],
  ]);
});

test("reads longer than the staging buffer arrive whole, also from an offset", async () => {
  const recorder = await sharedRecorder();
  const values = Float32Array.from({ length: 700_001 }, (_, i) => i);
  const y = upload(recorder, values);
  const read = await recorder.readF32(y);
  expect(read.length).toBe(values.length);
  expect(read.every((value, i) => value === i)).toBe(true);
  expect([...(await recorder.readF32(y, 3, 700_000 - 2))]).toEqual([699998, 699999, 700000]);
});

test("a read shows what was recorded before it, not after", async () => {
  const recorder = await sharedRecorder();
  const y = upload(recorder, [1, 2]);
  const before = recorder.readF32(y);
  scale(recorder, y, 10);
  expect([...(await before)]).toEqual([1, 2]);
  expect([...(await recorder.readF32(y))]).toEqual([10, 20]);
});

test("while a long read waits for room, recording is refused instead of torn", async () => {
  const recorder = await sharedRecorder();
  const y = zeros(recorder, [2 ** 20]);
  const long = recorder.readF32(y);
  expect(() => scale(recorder, y, 2)).toThrow(/a long read is under way/);
  expect((await long).length).toBe(2 ** 20);
  scale(recorder, y, 2);
});

test("a device has one recorder", async () => {
  const { gpu } = await sharedRecorder();
  expect(() => new Recorder(gpu)).toThrow(/has a recorder already/);
});

test("many reads at once share the staging ring", async () => {
  const recorder = await sharedRecorder();
  const tensors = Array.from({ length: 9 }, (_, i) => upload(recorder, [i]));
  const values = await Promise.all(tensors.map((tensor) => recorder.readF32(tensor)));
  expect(values.map(([value]) => value)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

describe("mistakes are named:", () => {
  test("a shader that does not compile, with file and line, also inside a lib", async () => {
    const recorder = await openRecorder();
    const code = SCALE.code.replace("params.factor", "workgroup_sum(nonsense, 0u)");
    const kernel = recorder.gpu.compiler.kernel({ name: "scale", code }, "main", { libs: ["reduce"] });
    const y = zeros(recorder, [3]);
    recorder.dispatch({ kernel, params: { count: 3, factor: 1 }, tensors: { y }, workgroups: [1], work: 1 });
    await expect(recorder.done()).rejects.toThrow(
      /scale\.main does not compile: shaders\/scale\.wgsl:7:\d+ unresolved value 'nonsense'/,
    );
    const linked = link({ name: "scale", code: SCALE.code }, "main", ["reduce_workgroup"]);
    expect(linked.locate(9)).toBe("shaders/lib/reduce_workgroup.wgsl:1");
  });

  test("a missing parameter, an unknown tensor, a missing tensor", async () => {
    const recorder = await sharedRecorder();
    const kernel = recorder.gpu.compiler.kernel(SCALE, "main");
    const y = zeros(recorder, [3]);
    const base = {
      kernel,
      params: { count: 3, factor: 1 },
      tensors: { y },
      workgroups: [1] as const,
      work: 1,
    };
    expect(() => recorder.dispatch({ ...base, params: { count: 3 } })).toThrow(
      /takes params count, factor; got count/,
    );
    expect(() => recorder.dispatch({ ...base, params: { count: 3, factor: NaN } })).toThrow(
      /param factor is NaN/,
    );
    expect(() => recorder.dispatch({ ...base, tensors: {} })).toThrow(/needs a tensor for binding "y"/);
    expect(() => recorder.dispatch({ ...base, tensors: { y: zeros(recorder, [4]), z: y } })).toThrow(
      /has no binding "z"/,
    );
  });

  test("no WebGPU, no adapter, a limit that is too small", async () => {
    await expect(openGpu({ gpu: undefined })).rejects.toThrow(/WebGPU is not available here/);
    const without = { requestAdapter: () => Promise.resolve(null) } as unknown as GPU;
    await expect(openGpu({ gpu: without })).rejects.toThrow(/no graphics adapter/);
    const limits = { maxStorageBuffersPerShaderStage: 4 };
    const weak = { requestAdapter: () => Promise.resolve({ limits }) } as unknown as GPU;
    await expect(openGpu({ gpu: weak })).rejects.toThrow(
      /maxStorageBuffersPerShaderStage = 4, and 8 is needed/,
    );
  });
});

test("bytes are counted per owner, on paper and for real, and come back", async () => {
  const { gpu } = await openRecorder();
  const before = gpu.liveBytes;
  const build = (allocator: PlanAllocator | GpuAllocator): void => {
    allocator.tensor("weights", "w", [3, 5]);
    allocator.tensor("weights", "half", [7], "f16");
    allocator.tensor("kvCache", "k", [100]);
  };
  const plan = new PlanAllocator();
  build(plan);
  expect([...plan.bytes]).toEqual([
    ["weights", 60 + 16],
    ["kvCache", 400],
  ]);
  const { allocator } = await allocateOrFail(gpu, build);
  expect(gpu.liveBytes - before).toBe(plan.total);
  expect(gpu.usage.bytes.get("weights")).toBe(76);
  allocator.destroy();
  expect(gpu.liveBytes).toBe(before);
});

test("an allocation that cannot be is refused with its size and frees the rest", async () => {
  const { gpu } = await openRecorder();
  const before = gpu.liveBytes;
  const build = (allocator: GpuAllocator): void => {
    allocator.tensor("activations", "small", [10]);
    allocator.tensor("activations", "huge", [2 ** 40]);
  };
  await expect(allocateOrFail(gpu, build)).rejects.toThrow(/huge .* needs one buffer of 4398046511104 bytes/);
  expect(gpu.liveBytes).toBe(before);
});

test("views are aligned and stay inside", async () => {
  const recorder = await sharedRecorder();
  const whole = upload(
    recorder,
    Float32Array.from({ length: 200 }, (_, i) => i),
  );
  const part = view(whole, 64, [3]);
  expect([...(await recorder.readF32(part))]).toEqual([64, 65, 66]);
  expect(() => view(whole, 3, [3])).toThrow(/does not fit/);
  expect(() => view(whole, 128, [100])).toThrow(/does not fit/);
});

test("a device with only the default limits works", async () => {
  const recorder = await openRecorder({ limits: "default" });
  expect(recorder.gpu.device.limits.maxStorageBufferBindingSize).toBe(128 * 2 ** 20);
  expect(recorder.gpu.device.limits.maxStorageBuffersPerShaderStage).toBe(8);
  expect(recorder.gpu.device.limits.maxComputeWorkgroupStorageSize).toBe(16384);
  const y = upload(recorder, [1, 2]);
  scale(recorder, y, 2);
  expect([...(await recorder.readF32(y))]).toEqual([2, 4]);
});

test("the self-test picks a workgroup size and reduction that add rightly", async () => {
  const recorder = new Recorder(
    await openGpu({ gpu: navigator.gpu, withoutFeatures: ["subgroups" as GPUFeatureName] }),
  );
  await selfTest(recorder);
  expect([64, 128, 256]).toContain(recorder.gpu.compiler.workgroupSize);
  expect(recorder.gpu.compiler.reduce).toBe("workgroup");
});

test("a lost device is reported with its reason, and later work fails instead of hanging", async () => {
  const recorder = await openRecorder();
  recorder.gpu.destroy();
  expect((await recorder.gpu.lost).reason).toBe("destroyed");
  await expect(recorder.done()).rejects.toThrow(/device was closed/);
  const y = { ...view(zeros(await sharedRecorder(), [4]), 0, [4]) };
  for (let i = 0; i < 5; i++) await expect(recorder.readF32(y)).rejects.toThrow(/device was closed/);
});

test("the profiler adds up device time per label", async (context) => {
  const recorder = await openRecorder();
  const profiler = new Profiler(recorder.gpu);
  if (!profiler.supported) context.skip("the adapter has no timestamp-query");
  recorder.profiler = profiler;
  const y = upload(recorder, new Float32Array(1000));
  for (let i = 0; i < 3; i++) scale(recorder, y, 2);
  await recorder.done();
  await profiler.collect();
  expect(profiler.rows()).toMatchObject([{ label: "scale.main", count: 3 }]);
  expect(profiler.rows()[0]!.milliseconds).toBeGreaterThanOrEqual(0);
});
