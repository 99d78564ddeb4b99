// Exported adapters against a file that PEFT wrote.

import { describe, expect, test } from "vitest";

import type { PeftAdapter, PeftTensor } from "../../src/formats/peft.ts";
import { peftAdapterFiles } from "../../src/formats/peft.ts";
import { openSafetensors } from "../../src/formats/safetensors.ts";
import { parsePeftConfig } from "../../src/model/lora.ts";
import { collected, fixture, fixtureJson, sourceOf } from "./fixtures.ts";

const PEFT_CONFIG = fixtureJson("qwen2-tied/adapter/adapter_config.json") as Record<string, unknown>;
const peftFile = await openSafetensors(
  sourceOf("peft", fixture("qwen2-tied/adapter/adapter_model.safetensors")),
);
const peftTensors = new Map<string, PeftTensor>();
for (const [name, { shape }] of peftFile.entries)
  peftTensors.set(name, { shape, values: () => peftFile.readF32(name) });

const adapter: PeftAdapter = {
  lora: parsePeftConfig(PEFT_CONFIG, "adapter_config.json"),
  baseModelName: "qwen2-tied",
  tensors: peftTensors,
};

const jsonOf = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;

const written = (of: PeftAdapter) =>
  Promise.all(peftAdapterFiles(of).map(async (file) => ({ name: file.name, bytes: await collected(file) })));

describe("an exported adapter", async () => {
  const [config, weights] = await written(adapter);

  test("has the names, shapes and values that PEFT wrote", async () => {
    const file = await openSafetensors(sourceOf(weights!.name, weights!.bytes));
    expect([...file.entries.keys()].toSorted()).toEqual([...peftFile.entries.keys()].toSorted());
    expect(file.metadata).toEqual({ format: "pt" });
    for (const [name, { shape, values }] of peftTensors) {
      expect(file.entry(name).shape).toEqual(shape);
      expect(await file.readF32(name)).toEqual(await values());
    }
  });

  test("has a config that says what PEFT's own says, and no field that an old PEFT would refuse", () => {
    const written = jsonOf(config!.bytes);
    expect(config!.name).toBe("adapter_config.json");
    for (const [field, value] of Object.entries(written)) expect(value).toEqual(PEFT_CONFIG[field]);
    expect(parsePeftConfig(written, "adapter_config.json")).toEqual(adapter.lora);
    expect(written).not.toHaveProperty("use_dora");
  });

  test("takes the module's own names too", async () => {
    const short = [...peftTensors].map(
      ([name, tensor]) => [name.replace("base_model.model.", "").replace(".weight", ""), tensor] as const,
    );
    const [, same] = await written({ ...adapter, tensors: new Map(short) });
    expect(short[0]![0]).toMatch(/^model\.layers\.\d+\.[\w.]+\.lora_[AB]$/);
    expect(same!.bytes).toEqual(weights!.bytes);
  });
});

describe("an adapter that PEFT would load without a word is refused", () => {
  const [first, tensor] = [...peftTensors][0]!;
  const without = new Map([...peftTensors].slice(1));
  const withFirst = (change: object) => new Map([...peftTensors, [first, { ...tensor, ...change }]]);
  const targets = adapter.lora.targets;

  test.each([
    ["half a pair", { tensors: without }, /has ".*lora_B.weight" and no ".*lora_A.weight"/],
    [
      "a transposed tensor",
      { tensors: withFirst({ shape: tensor.shape.toReversed() }) },
      /does not fit rank 4/,
    ],
    [
      "too few values",
      { tensors: withFirst({ values: () => Promise.resolve(new Float32Array(3)) }) },
      /has 3 values/,
    ],
    ["another rank", { lora: { ...adapter.lora, rank: 8 } }, /does not fit rank 8/],
    [
      "a target without tensors",
      { lora: { ...adapter.lora, targets: [...targets, "lm_head"] } },
      /lm_head has tensors of/,
    ],
    ["tensors without a target", { lora: { ...adapter.lora, targets: ["q_proj"] } }, /adapter of q_proj has/],
    [
      "a name that is no adapter's",
      { tensors: new Map([["model.norm.weight", tensor]]) },
      /lora_A or lora_B/,
    ],
    [
      "a name given twice",
      { tensors: new Map([...peftTensors, [first.replace("base_model.model.", ""), tensor]]) },
      /in two ways/,
    ],
  ])("%s", async (_, change, message) => {
    await expect(async () => written({ ...adapter, ...change })).rejects.toThrow(message);
  });

  test("a value that is not finite, as a user's error", async () => {
    const values = async () => (await tensor.values()).with(5, NaN);
    await expect(written({ ...adapter, tensors: withFirst({ values }) })).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringMatching(/holds NaN at element 5.*earlier checkpoint/),
    });
  });
});
