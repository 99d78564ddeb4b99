// What the page says of a verl configuration that was applied.

import { expect, test } from "vitest";

import { importLine, settingText } from "../../src/ui/gradus-verl-import.ts";
import type { VerlImport } from "../../src/worker/api.ts";
import { CONFIG_KEYS, DEFAULTS } from "../../src/rl/config.ts";

const imported = (applied: number, kept: number, refused: number): VerlImport => ({
  config: DEFAULTS,
  applied: CONFIG_KEYS.slice(0, applied),
  kept: Object.fromEntries(Array.from({ length: kept }, (_, i) => [`k${i}`, i])),
  refused: Array.from({ length: refused }, (_, i) => ({
    key: `r${i}`,
    value: i,
    why: ".",
    kind: "value" as const,
  })),
  notes: [],
});

test("a line counts what was applied, kept and refused, and leaves out what there is none of", () => {
  expect(importLine(imported(12, 3, 2))).toBe("12 settings applied, 3 kept for a cluster, 2 not taken.");
  expect(importLine(imported(1, 0, 0))).toBe("1 setting applied.");
  expect(importLine(imported(0, 0, 1))).toBe("No settings applied, 1 not taken.");
});

test("a setting is shown with its value, long ones cut", () => {
  expect(settingText("a.b", 15)).toBe("a.b = 15");
  expect(settingText("a.b", ["x", null])).toBe('a.b = ["x",null]');
  expect(settingText("a.b", "train.parquet")).toBe("a.b = train.parquet");
  expect(settingText("--config-name", undefined)).toBe("--config-name");
  const long = settingText("a", "x".repeat(500));
  expect(long).toHaveLength("a = ".length + 48);
  expect(long.endsWith("…")).toBe(true);
});
