// Exported adapters against a file that PEFT wrote, and archives against what is in them.

import { unzipSync } from "fflate";
import { describe, expect, test } from "vitest";

import type { PeftAdapter } from "../../src/formats/peft.ts";
import { peftAdapterFiles } from "../../src/formats/peft.ts";
import { openSafetensors } from "../../src/formats/safetensors.ts";
import { zipFiles } from "../../src/formats/zip.ts";
import { parsePeftConfig } from "../../src/model/lora.ts";
import { fixture, fixtureJson, sourceOf } from "./fixtures.ts";

const PEFT_CONFIG = fixtureJson("qwen2-tied/adapter/adapter_config.json") as Record<string, unknown>;
const peftFile = await openSafetensors(
  sourceOf("peft", fixture("qwen2-tied/adapter/adapter_model.safetensors")),
);
const peftTensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();
for (const [name, { shape }] of peftFile.entries)
  peftTensors.set(name, { shape, values: await peftFile.readF32(name) });

const adapter: PeftAdapter = {
  lora: parsePeftConfig(PEFT_CONFIG, "adapter_config.json"),
  baseModelName: "qwen2-tied",
  tensors: peftTensors,
};

const jsonOf = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;

describe("an exported adapter", () => {
  const [config, weights] = peftAdapterFiles(adapter);

  test("has the names, shapes and values that PEFT wrote", async () => {
    const file = await openSafetensors(sourceOf(weights!.name, weights!.bytes));
    expect([...file.entries.keys()].toSorted()).toEqual([...peftFile.entries.keys()].toSorted());
    expect(file.metadata).toEqual({ format: "pt" });
    for (const [name, { shape, values }] of peftTensors) {
      expect(file.entry(name).shape).toEqual(shape);
      expect(await file.readF32(name)).toEqual(values);
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
    const [, same] = peftAdapterFiles({ ...adapter, tensors: new Map(short) });
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
    ["too few values", { tensors: withFirst({ values: new Float32Array(3) }) }, /with 3 values does not fit/],
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
  ])("%s", (_, change, message) => {
    expect(() => peftAdapterFiles({ ...adapter, ...change })).toThrow(message);
  });

  test("a value that is not finite, as a user's error", () => {
    const values = tensor.values.with(5, NaN);
    expect(() => peftAdapterFiles({ ...adapter, tensors: withFirst({ values }) })).toThrow(
      expect.objectContaining({
        name: "UserError",
        message: expect.stringMatching(/holds NaN at element 5.*earlier checkpoint/),
      }),
    );
  });
});

describe("a zip archive", () => {
  const files = [
    { name: "adapter/config.json", bytes: new TextEncoder().encode("{}") },
    { name: "数据.bin", bytes: Uint8Array.from({ length: 1000 }, () => 7) },
    { name: "empty", bytes: new Uint8Array(0) },
  ];

  test("holds its files, uncompressed", () => {
    const archive = zipFiles(files);
    expect(unzipSync(archive)).toEqual(Object.fromEntries(files.map(({ name, bytes }) => [name, bytes])));
    expect(archive.length).toBeGreaterThan(1002);
  });

  test("cannot hold two files of one name", () => {
    expect(() => zipFiles([files[0]!, files[0]!])).toThrow(/one name/);
  });

  test("cannot hold more than 4 GB", () => {
    const huge = { name: "w", bytes: { length: 2 ** 32 } as Uint8Array };
    expect(() => zipFiles([huge])).toThrow(/4\.3 GB do not fit/);
  });
});
