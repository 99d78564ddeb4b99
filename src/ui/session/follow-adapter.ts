// Settings that an adapter decides: they are its while it is loaded, whatever else sets them, and the recipe's again after.

import type { RunConfig } from "../../rl/config.ts";
import { configWith } from "../../rl/config.ts";
import { presetById } from "../../rl/presets/index.ts";
import type { SessionState } from "./state.ts";

type Followed = Pick<SessionState, "model" | "presetId" | "config">;

/** The settings of `next`, which follows `before`. */
export function followAdapter(before: Followed, next: Followed): RunConfig {
  const [former, adapter] = [before.model?.adapter, next.model?.adapter];
  if (adapter) return { ...next.config, ...adapter.settings };
  return former ? withoutAdapter(next, Object.keys(former.settings)) : next.config;
}

/** What is kept for another visit, when no adapter is loaded. */
export const lastingConfig = (state: Followed): RunConfig =>
  state.model?.adapter ? withoutAdapter(state, Object.keys(state.model.adapter.settings)) : state.config;

function withoutAdapter({ presetId, config }: Followed, keys: readonly string[]): RunConfig {
  const usual: Readonly<Record<string, unknown>> = configWith(presetById(presetId)?.values ?? {});
  return { ...config, ...Object.fromEntries(keys.map((key) => [key, usual[key]])) };
}
