// The small record in a checkpoint: written as JSON, checked when read, so that a file of another version is told apart
// from a damaged one.

import { UserError } from "../common/errors.ts";
import type { JsonObject } from "../formats/json.ts";
import { isObject } from "../formats/json.ts";
import type { DeviceChoices } from "../model/device-choices.ts";
import type { RunProgress } from "../rl/state.ts";

/** Raised when what a checkpoint holds changes its meaning. */
const VERSION = 1;

export interface SavedMeta {
  readonly progress: RunProgress;
  readonly device: DeviceChoices;
  /** Held-out accuracy when it was written, 0 to 1; what "best" means when old checkpoints go. */
  readonly accuracy?: number;
}

export const metaOf = (meta: SavedMeta): JsonObject => ({ version: VERSION, ...meta });

/** Throws UserError when `meta` was written by another version of Gradus. */
export function savedMeta(meta: JsonObject, name: string): SavedMeta {
  if (meta["version"] === VERSION && isObject(meta["progress"]) && isObject(meta["device"]))
    return meta as unknown as SavedMeta;
  throw new UserError(
    `${name} was written by another version of Gradus (${JSON.stringify(meta["version"]) ?? "none"}, and this one reads ${VERSION}). Open it with the version that wrote it.`,
  );
}
