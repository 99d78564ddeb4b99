// Start-up check of what drivers get wrong silently: large workgroups of which only a part runs, and subgroups of a
// width that a reduction did not expect. Picks the largest workgroup and the reduction that give right sums.

import selfTestCode from "../../shaders/self_test.wgsl?raw";
import { GpuError } from "../common/errors.ts";
import { GpuAllocator } from "./allocator.ts";
import type { Recorder } from "./recorder.ts";

const SHADER = { name: "self_test", code: selfTestCode };
const WORKGROUPS = 3;
const SIZES = [256, 128, 64] as const;

/** Sum and maximum that workgroup `group` of `size` invocations must find. */
export function expectedSelfTest(group: number, size: number): { sum: number; largest: number } {
  return { sum: size * group + (size * (size - 1)) / 2, largest: group + size - 1 };
}

/**
 * Tries workgroup sizes and reductions, best first, and sets `compiler.workgroupSize` and `compiler.reduce` to the first
 * that give right results. Throws GpuError when none does.
 */
export async function selfTest(recorder: Recorder): Promise<void> {
  const { gpu } = recorder;
  const { compiler } = gpu;
  const allocator = new GpuAllocator(gpu);
  const sums = allocator.tensor("system", "self_test.sums", [WORKGROUPS * 256]);
  const largest = allocator.tensor("system", "self_test.largest", [WORKGROUPS * 256]);
  const reductions = gpu.features.has("subgroups")
    ? (["subgroup", "workgroup"] as const)
    : (["workgroup"] as const);
  try {
    for (const size of SIZES) {
      for (const reduce of reductions) {
        compiler.workgroupSize = size;
        compiler.reduce = reduce;
        if (!(await compiler.accepts(SHADER, "main", { libs: ["reduce"] }))) continue;
        recorder.clear(sums);
        recorder.clear(largest);
        recorder.dispatch({
          kernel: compiler.kernel(SHADER, "main", { libs: ["reduce"] }),
          params: { unused: 0 },
          tensors: { sums, largest },
          workgroups: [WORKGROUPS],
          work: WORKGROUPS * size,
        });
        if (passes(await recorder.readF32(sums), await recorder.readF32(largest), size)) return;
      }
    }
  } finally {
    allocator.destroy();
  }
  throw new GpuError(
    `The graphics driver of "${gpu.adapterName}" adds wrongly in workgroups of 64 to 256 threads: update the driver or use another browser.`,
  );
}

function passes(sums: Float32Array, largest: Float32Array, size: number): boolean {
  for (let i = 0; i < WORKGROUPS * size; i++) {
    const expected = expectedSelfTest(Math.floor(i / size), size);
    if (sums[i] !== expected.sum || largest[i] !== expected.largest) return false;
  }
  return true;
}
