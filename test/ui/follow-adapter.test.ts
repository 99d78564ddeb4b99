// Settings that an adapter decides: whatever is chosen while it is loaded, and the recipe's own when it is gone.

import { describe, expect, test } from "vitest";

import { configWith } from "../../src/rl/config.ts";
import { adapterPreset, presetById, PRESETS, isForAdapter } from "../../src/rl/presets/index.ts";
import { followAdapter, lastingConfig } from "../../src/ui/session/follow-adapter.ts";
import type { SessionState } from "../../src/ui/session/state.ts";

const RANK = "actor_rollout_ref.model.lora_rank";
const settings = {
  [RANK]: 3,
  "actor_rollout_ref.model.lora_alpha": 7,
  "actor_rollout_ref.model.target_modules": ["q_proj"],
} as const;

const model: NonNullable<SessionState["model"]> = {
  name: "demo",
  isDemo: true,
  isOnnx: true,
  architecture: "Qwen2",
  source: "ONNX",
  parameters: 1,
  layers: 1,
  hidden: 1,
  vocab: 1,
  files: [],
};
const adapter = { settings, types: ["F32"], notices: [], files: [] };
const presetId = "grpo-lora-demo";
const usual = configWith(presetById(presetId)!.values);
const without = { model, presetId, config: usual };
const loaded = { ...without, model: { ...model, adapter } };

test("an adapter's settings stand above what a recipe, a person or an import sets", () => {
  const config = followAdapter(without, {
    ...loaded,
    config: configWith({ [RANK]: 64, "data.seed": 9 }, usual),
  });
  expect(config).toEqual({ ...usual, ...settings, "data.seed": 9 });
});

describe("without the adapter", () => {
  const now = { ...loaded, config: { ...usual, ...settings, "data.seed": 9 } };

  test("the recipe's own are back, and the person's others stay", () => {
    expect(followAdapter(now, { ...now, model })).toEqual({ ...usual, "data.seed": 9 });
    const { model: _, ...nothing } = now;
    expect(followAdapter(now, nothing)).toEqual({ ...usual, "data.seed": 9 });
  });

  test("they are what is kept for another visit, when no adapter is there", () => {
    expect(lastingConfig(now)).toEqual({ ...usual, "data.seed": 9 });
    expect(lastingConfig(without)).toBe(usual);
  });

  test("nothing changes where there was none", () => {
    expect(followAdapter(without, without)).toBe(usual);
  });
});

test("every recipe has a form that trains an adapter, for either kind of model", () => {
  for (const preset of PRESETS) {
    const other = adapterPreset(preset);
    expect(isForAdapter(other), preset.id).toBe(true);
    expect([other.form, other.ground.model]).toEqual([preset.form, preset.ground.model]);
    if (isForAdapter(preset)) expect(other).toBe(preset);
  }
});
