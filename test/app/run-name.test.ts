import { expect, test } from "vitest";

import { distinctName } from "../../src/app/run-name.ts";
import { configWith } from "../../src/rl/config.ts";
import { presetById } from "../../src/rl/presets/index.ts";
import type { RunRecord } from "../../src/storage/runs.ts";

const configOf = (id: string, values: Readonly<Record<string, unknown>> = {}) =>
  configWith({ ...presetById(id)!.values, ...values });

const record = (name: string, config: object, createdAt = 0): RunRecord => ({
  id: name,
  name,
  createdAt,
  updatedAt: 0,
  modelName: "demo",
  dataName: "demo",
  config: config as RunRecord["config"],
  step: 0,
  totalSteps: 60,
  state: "finished",
  history: [],
});

test("a run is called by its recipe, its adapter and its model", () => {
  expect(distinctName(configOf("cispo-demo"), "demo", [])).toBe("CISPO on demo");
  expect(distinctName(configOf("grpo-kl-own"), "qwen", [])).toBe("GRPO, with KL loss, LoRA 32 on qwen");
  expect(distinctName(configOf("sft-demo"), "demo", [])).toBe("Supervised on demo");
  expect(distinctName(configWith({ "algorithm.adv_estimator": "grpo_passk" }), "demo", [])).toBe(
    "GRPO_PASSK (vanilla) on demo",
  );
});

test("a second run of a recipe is called by what it has otherwise than the newest, else by a number", () => {
  const first = record("GRPO on demo", configOf("grpo-demo"));
  expect(distinctName(configOf("grpo-demo", { "data.seed": 1 }), "demo", [first])).toBe(
    "GRPO on demo, seed 1",
  );
  expect(distinctName(configOf("grpo-demo"), "demo", [first])).toBe("GRPO on demo, run 2");
  const second = record("GRPO on demo, run 2", configOf("grpo-demo"), 1);
  expect(distinctName(configOf("grpo-demo"), "demo", [first, second])).toBe("GRPO on demo, run 3");
  const broken = record("GRPO on demo", { "data.seed": "?" });
  expect(distinctName(configOf("grpo-demo"), "demo", [broken])).toBe("GRPO on demo, run 2");
});
