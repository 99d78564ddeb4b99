// verl's key for an adapter to go on from: it means the adapter that is loaded here, decides what that decides, and is written
// back only for a run that began with one.

import { describe, expect, test } from "vitest";

import { configWith, DEFAULTS } from "../../../src/rl/config.ts";
import { adapterSettings } from "../../../src/rl/options/index.ts";
import { ADAPTER_PATH, keptWithAdapter } from "../../../src/rl/verl/adapter.ts";
import { verlSettings } from "../../../src/rl/verl/export.ts";
import { importVerl } from "../../../src/rl/verl-import.ts";

const RANK = "actor_rollout_ref.model.lora_rank";
const ALPHA = "actor_rollout_ref.model.lora_alpha";
const adapter = adapterSettings({ rank: 8, alpha: 32, targets: ["q_proj", "v_proj"] });
const base = configWith({ ...adapter });
const values = { [ADAPTER_PATH]: "/data/adapter", [RANK]: 16, [ALPHA]: 32, "data.seed": 7 };

describe("an import that names an adapter", () => {
  test("is told that the path is not read, and does not keep it, where none is loaded", () => {
    const read = importVerl(values, DEFAULTS);
    expect(read.refused).toEqual([
      expect.objectContaining({
        key: ADAPTER_PATH,
        why: expect.stringMatching(/two files.*--adapter/) as string,
      }),
    ]);
    expect(read.kept).toEqual({});
    expect(read.config[RANK]).toBe(16);
  });

  test("keeps the path and the adapter's settings where one is loaded, and says what is not taken", () => {
    const read = importVerl(values, base, { adapter });
    expect(read.kept).toEqual({ [ADAPTER_PATH]: "/data/adapter" });
    expect(read.refused).toEqual([
      expect.objectContaining({
        key: RANK,
        value: 16,
        why: expect.stringMatching(/has 8: remove/) as string,
      }),
    ]);
    expect(read.config).toEqual({ ...base, "data.seed": 7 });
    expect(read.applied).toEqual([ALPHA, "data.seed"]);
  });

  test("asks for nothing with null, or with the place that an export leaves open", () => {
    for (const value of [null, "path/to/adapter"])
      expect(importVerl({ [ADAPTER_PATH]: value }, DEFAULTS).refused).toEqual([]);
  });
});

describe("an export", () => {
  const pathIn = (kept: Readonly<Record<string, unknown>>): unknown =>
    verlSettings(base, kept).needs.find(({ key }) => key === ADAPTER_PATH)?.value;

  test("names the adapter of a run that began with one, as an import had it or to be filled in", () => {
    expect(pathIn(keptWithAdapter({}, true, "path/to/adapter"))).toBe("path/to/adapter");
    expect(pathIn(keptWithAdapter({ [ADAPTER_PATH]: "/data/a" }, true, "b"))).toBe("/data/a");
  });

  test("names none where the run began without, whatever an import had", () => {
    expect(pathIn(keptWithAdapter({ [ADAPTER_PATH]: "/data/a" }, false, "b"))).toBeUndefined();
    expect(keptWithAdapter({ "trainer.nnodes": 2 }, false, "b")).toEqual({ "trainer.nnodes": 2 });
  });

  test("of any adapter has what samples read the frozen model, which verl asks for", () => {
    const formatOf = (config: typeof base): unknown =>
      verlSettings(config).needs.find(({ key }) => key.endsWith(".load_format"))?.value;
    expect(formatOf(base)).toBe("safetensors");
    expect(formatOf(DEFAULTS)).toBeUndefined();
  });
});
