// verl's key for an adapter that training goes on from, and how settings follow the adapter that is loaded here: nothing is
// read from a path, so an import's path means the adapter that is loaded, or nothing.

import type { ConfigKey } from "../config.ts";
import type { Refusal, Values } from "./imported.ts";

/** A folder with PEFT's two files. */
export const ADAPTER_PATH = "actor_rollout_ref.model.lora_adapter_path";

interface Found {
  readonly fitting: Map<ConfigKey, unknown>;
  readonly kept: Record<string, unknown>;
  readonly refused: Refusal[];
  refuse(key: string, value: unknown, why: string): void;
}

/**
 * Keeps the settings that the loaded adapter decides, which `decided` has by key, and refuses others for them. With an adapter
 * loaded its path is kept as it came; without one it stays refused.
 */
export function followAdapter(found: Found, decided: Values): void {
  const { fitting, kept, refused } = found;
  if (Object.keys(decided).length === 0) return;
  for (const [key, value] of Object.entries(decided)) {
    const other = fitting.get(key as ConfigKey);
    if (other === undefined || JSON.stringify(other) === JSON.stringify(value)) continue;
    fitting.delete(key as ConfigKey);
    const why = `The adapter that the run goes on from has ${JSON.stringify(value)}: remove the adapter to set it.`;
    found.refuse(key, other, why);
  }
  const at = refused.findIndex(({ key }) => key === ADAPTER_PATH);
  if (at < 0) return;
  kept[ADAPTER_PATH] = refused[at]!.value;
  refused.splice(at, 1);
}

/** `kept` with the place of the adapter that a run begins with, and without one where it begins with none. */
export function keptWithAdapter(kept: Values, hasAdapter: boolean, place: string): Values {
  const { [ADAPTER_PATH]: named, ...others } = kept;
  return hasAdapter ? { ...others, [ADAPTER_PATH]: named ?? place } : others;
}
