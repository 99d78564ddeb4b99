// The state of the demo training on disk, so that a run that was killed can go on: weights, moments and the step, in one
// safetensors file that is replaced whole. A convenience of whoever makes the model; nothing of it is shipped.

import { readFile } from "node:fs/promises";
import path from "node:path";

import { UserError } from "../../common/errors.ts";
import { bytesSource, openSafetensors, writeSafetensors } from "../../formats/safetensors.ts";
import { elementCount } from "../../gpu/index.ts";
import type { Policy } from "../../model/policy.ts";
import { replaceFile } from "../files/replace-file.ts";

const FILE = "state.safetensors";
const POOL_PARTS = ["params", "m", "v"] as const;

/** Where training stands: `step` steps of the stage with this index are done. */
export interface Progress {
  readonly stage: number;
  readonly step: number;
}

/** Writes pools and progress into `folder`. */
export async function saveState(
  policy: Policy,
  folder: string,
  seed: number,
  { stage, step }: Progress,
): Promise<void> {
  const tensors: [string, readonly number[], Float32Array][] = [];
  for (const [index, pool] of policy.memory.pools.entries()) {
    for (const part of POOL_PARTS)
      tensors.push([
        `${index}.${part}`,
        [elementCount(pool[part].shape)],
        await policy.recorder.readF32(pool[part]),
      ]);
  }
  const metadata = { seed: String(seed), stage: String(stage), step: String(step) };
  await replaceFile(path.join(folder, FILE), writeSafetensors(tensors, metadata));
}

/** Puts a saved state back and returns where it stands. Throws UserError when there is none or it is of another seed. */
export async function loadState(policy: Policy, folder: string, seed: number): Promise<Progress> {
  const name = path.join(folder, FILE);
  const bytes = await readFile(name).catch(() => undefined);
  if (!bytes)
    throw new UserError(`${name} does not exist: there is no run to resume. Start without --resume.`);
  const file = await openSafetensors(bytesSource(name, bytes));
  if (file.metadata["seed"] !== String(seed)) {
    throw new UserError(
      `${name} is of seed ${file.metadata["seed"]}, not ${seed}: the two would not make one run. Give that seed, or start without --resume.`,
    );
  }
  for (const [index, pool] of policy.memory.pools.entries()) {
    for (const part of POOL_PARTS)
      policy.recorder.write(pool[part], new Float32Array(await file.readF32(`${index}.${part}`)));
  }
  return { stage: Number(file.metadata["stage"]), step: Number(file.metadata["step"]) };
}
