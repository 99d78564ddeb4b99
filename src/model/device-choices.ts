// What was measured on a device when it was opened and decides how sums round there: kept with a run, so that it goes on to the
// bit.

import type { Recorder } from "../gpu/index.ts";
import type { MeasuredStorage } from "../ops/matmul-choice.ts";
import { chooseMatmul } from "../ops/matmul-choice.ts";
import type { MatmulChoice } from "../ops/matmul-variants.ts";
import { choiceKey, matmulChoice, setMatmulChoice } from "../ops/matmul-variants.ts";
import type { PolicyOptions } from "./memory.ts";

/** Plain data. */
export interface DeviceChoices {
  readonly adapterName: string;
  readonly workgroupSize: number;
  readonly reduce: "workgroup" | "subgroup";
  readonly matmul: MatmulChoice;
}

/** What is in use on the device now. */
export const deviceChoices = ({ gpu }: Recorder): DeviceChoices => ({
  adapterName: gpu.adapterName,
  workgroupSize: gpu.compiler.workgroupSize,
  reduce: gpu.compiler.reduce,
  matmul: matmulChoice(gpu),
});

/**
 * Makes the device round as it did when `choices` were made, where it is the same kind of device. Returns whether it is: on
 * another one the run goes on, but not to the bit.
 */
export function restoreDevice({ gpu }: Recorder, choices: DeviceChoices): boolean {
  if (gpu.adapterName !== choices.adapterName) return false;
  gpu.compiler.workgroupSize = choices.workgroupSize;
  gpu.compiler.reduce = choices.reduce;
  setMatmulChoice(gpu, choices.matmul);
  return true;
}

/** What is multiplied with over a base of each type. Of a 4-bit one, what has no blocks is halves. */
const STORAGES: Readonly<Record<PolicyOptions["baseType"], readonly MeasuredStorage[]>> = {
  f32: ["f32"],
  f16: ["f32", "f16"],
  q4: ["f32", "f16", "q4"],
};

/**
 * Picks the fastest matrix products that a run will need by measurement; what was measured on this device before stays. Seconds
 * on a software adapter.
 */
export async function measureDevice(
  recorder: Recorder,
  { baseType }: Pick<PolicyOptions, "baseType">,
): Promise<void> {
  const { products } = matmulChoice(recorder.gpu);
  const missing = STORAGES[baseType].filter((storage) => products[choiceKey("nt", storage)] === undefined);
  if (missing.length > 0) await chooseMatmul(recorder, missing);
}
