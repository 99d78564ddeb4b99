// Recipe and settings of Setup, kept in this browser, one of each kind of model: they are there again after a reload. Files
// that were dropped are not kept here.

import type { RunConfig } from "../../rl/config.ts";
import { configWith, differences, keptSettings } from "../../rl/config.ts";
import type { Ground, Preset } from "../../rl/presets/index.ts";
import { carriedOver, presetById } from "../../rl/presets/index.ts";

export interface Setup {
  readonly presetId: string;
  readonly config: RunConfig;
}

type Kind = Ground["model"];

/** Under this stands the kind of model that was used last, and behind it, with a dot, the setup of each. */
const KEY = "gradus.setup";

/** Keeps a setup as the last; without storage it holds until the page is closed. */
export function keepSetup({ presetId, config }: Setup): void {
  const preset = presetById(presetId);
  if (!preset) return;
  try {
    localStorage.setItem(KEY, preset.ground.model);
    const values = differences(config, configWith(preset.values));
    localStorage.setItem(`${KEY}.${preset.ground.model}`, JSON.stringify({ presetId, values }));
  } catch {
    // Storage is blocked or full for this page: there is nothing to tell the person that they do not see.
  }
}

/** The setup that was kept last, or for a kind of model. Undefined where there is none that still fits. */
export function keptSetup(kind?: Kind): Setup | undefined {
  try {
    const text = localStorage.getItem(`${KEY}.${kind ?? localStorage.getItem(KEY)}`);
    const { presetId, values } = JSON.parse(text ?? "{}") as Partial<Kept>;
    const preset = presetById(presetId ?? "");
    return preset && { presetId: preset.id, config: keptSettings({ ...preset.values, ...values }) };
  } catch {
    // Blocked, damaged, or of another version: the page begins as new.
    return undefined;
  }
}

/** The setup for a kind of model: as it is where it suits, else what it was when such a model was here last, or the usual. */
export function setupFor(kind: Kind, now: Setup, preset: Preset): Setup {
  if (preset.ground.model === kind) return { presetId: preset.id, config: now.config };
  const kept = keptSetup(kind);
  if (kept && presetById(kept.presetId)!.form === preset.form) return kept;
  const usual = presetById(preset.form, kind)!;
  return { presetId: usual.id, config: carriedOver(now.config, preset, usual) };
}

interface Kept {
  readonly presetId: string;
  readonly values: Readonly<Record<string, unknown>>;
}
