// Opens a device for training: checked, with the kernels that suit it.

import type { GpuOptions } from "../gpu/index.ts";
import { openGpu, Recorder, selfTest } from "../gpu/index.ts";

/** A recorder on a device that adds up rightly. Throws GpuError with reason and remedy. */
export async function openEngine(options: GpuOptions): Promise<Recorder> {
  const recorder = new Recorder(await openGpu(options));
  await selfTest(recorder);
  return recorder;
}
