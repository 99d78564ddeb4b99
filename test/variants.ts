// Runs a check the ways a kernel may be launched on another device: with each workgroup size that this one runs, and cut
// into many small dispatches as on a slow one.

import type { Recorder } from "../src/gpu/index.ts";

const SIZES = [64, 128, 256];

/** Calls `check` with each workgroup size up to the one the self-test chose, one after the other. */
export async function eachWorkgroupSize(
  recorder: Recorder,
  check: (size: number) => Promise<void>,
): Promise<void> {
  const { compiler } = recorder.gpu;
  const chosen = compiler.workgroupSize;
  try {
    for (const size of SIZES.filter((candidate) => candidate <= chosen)) {
      compiler.workgroupSize = size;
      await check(size);
    }
  } finally {
    compiler.workgroupSize = chosen;
  }
}

/** Calls `check` with `work` as the most that one submit may hold. */
export async function inChunksOf(
  recorder: Recorder,
  work: number,
  check: () => Promise<void>,
): Promise<void> {
  Object.defineProperty(recorder.pace, "chunkWork", { configurable: true, get: () => work });
  try {
    await check();
  } finally {
    Reflect.deleteProperty(recorder.pace, "chunkWork");
  }
}
