// What the page says of a verl configuration that was applied.

import { expect, test } from "vitest";

import { clusterGroups, importLine, settingText } from "../../src/ui/import-words.ts";
import type { VerlImport } from "../../src/worker/api.ts";
import { CONFIG_KEYS, DEFAULTS } from "../../src/rl/config.ts";

const imported = (applied: number, kept: number, refused: number): VerlImport => ({
  config: DEFAULTS,
  applied: CONFIG_KEYS.slice(0, applied),
  kept: Object.fromEntries(Array.from({ length: kept }, (_, i) => [`k${i}`, i])),
  about: {},
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
  const unknown = { key: "x", value: 1, why: ".", kind: "unknown" as const };
  expect(importLine({ ...imported(2, 0, 1), refused: [...imported(0, 0, 1).refused, unknown] })).toBe(
    "2 settings applied, 1 unknown, 1 not taken.",
  );
});

test("what was kept is grouped by what it is about; a file that is told stands there once", () => {
  const kept = {
    "trainer.nnodes": 1,
    "critic.fsdp.param_offload": true,
    "trainer.n_gpus_per_node": 8,
    "data.truncation": "error",
    "data.train_files": "a.parquet",
  };
  const refused = [
    {
      key: "train_file",
      value: "a.parquet",
      why: ".",
      kind: "elsewhere" as const,
      keptAs: "data.train_files",
    },
  ];
  const about = {
    "trainer.nnodes": "cluster",
    "critic.fsdp.param_offload": "critic",
    "trainer.n_gpus_per_node": "cluster",
    "data.truncation": "not needed here",
  };
  const both = { ...imported(0, 0, 0), kept, about, refused };
  expect(clusterGroups(both)).toEqual([
    ["cluster", ["trainer.nnodes", "trainer.n_gpus_per_node"]],
    ["critic", ["critic.fsdp.param_offload"]],
    ["not needed here", ["data.truncation"]],
  ]);
  expect(importLine(both)).toBe("No settings applied, 4 kept for a cluster, 1 not taken.");
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
