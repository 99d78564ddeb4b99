// Opens a device to work with: a recorder on one that has shown that it adds up rightly.

import type { GpuOptions } from "./device.ts";
import { openGpu } from "./device.ts";
import { Recorder } from "./recorder.ts";
import { selfTest } from "./self-test.ts";

/** A recorder on a device that passed the self-test. Throws GpuError with reason and remedy. */
export async function openRecorder(options: GpuOptions): Promise<Recorder> {
  const recorder = new Recorder(await openGpu(options));
  await selfTest(recorder);
  return recorder;
}
