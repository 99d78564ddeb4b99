// An adapter that a person brings: what PEFT wrote opens, and every mistake that PEFT would pass over is refused by name.

import { describe, expect, test } from "vitest";

import { toBfloat16 } from "../../src/common/bf16.ts";
import { toHalves } from "../../src/common/f16.ts";
import { bytesOfAll } from "../../src/formats/encoded-file.ts";
import { peftAdapterFiles } from "../../src/formats/peft.ts";
import type { ByteSource, TensorPlan } from "../../src/formats/safetensors.ts";
import { bytesSource, openSafetensors, safetensorsHead } from "../../src/formats/safetensors.ts";
import { parseDecoderConfig } from "../../src/model/config.ts";
import { isAdapterFile, openAdapter } from "../../src/model/open-adapter.ts";
import { fixture, fixtureJson, sourceOf } from "../formats/fixtures.ts";

const config = parseDecoderConfig(fixtureJson("qwen2-tied/config.json") as Record<string, unknown>);
const configJson = fixtureJson("qwen2-tied/adapter/adapter_config.json") as Record<string, unknown>;
const peftFile = await openSafetensors(
  sourceOf("peft", fixture("qwen2-tied/adapter/adapter_model.safetensors")),
);
type Tensor = { shape: readonly number[]; values: Float32Array };
const peftTensors = new Map<string, Tensor>();
for (const [name, { shape }] of peftFile.entries)
  peftTensors.set(name, { shape, values: await peftFile.readF32(name) });

const A = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
const B = "base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight";

const configFile = (changes: object = {}, name = "adapter_config.json"): ByteSource =>
  bytesSource(name, new TextEncoder().encode(JSON.stringify({ ...configJson, ...changes })));

/** Tensors as a file, their values written by `encode`. */
function weightsFile(
  tensors: ReadonlyMap<string, Tensor>,
  dtype: TensorPlan["dtype"] = "F32",
  encode: (values: Float32Array) => ArrayBufferView = (values) => values,
): ByteSource {
  const plans = [...tensors].map(([name, { shape }]): TensorPlan => ({ name, dtype, shape }));
  const parts = [...tensors.values()].map(({ values }) => {
    const { buffer, byteOffset, byteLength } = encode(values);
    return new Uint8Array(buffer, byteOffset, byteLength);
  });
  const bytes = Buffer.concat([safetensorsHead(plans), ...parts]);
  return bytesSource("adapter_model.safetensors", new Uint8Array(bytes));
}

/** PEFT's tensors after `change`. */
const changed = (change: (tensors: Map<string, Tensor>) => void): ByteSource => {
  const tensors = new Map(peftTensors);
  change(tensors);
  return weightsFile(tensors);
};

const open = (files: readonly ByteSource[], name = "qwen2-tied") => openAdapter(files, config, name);
const plain = weightsFile(peftTensors);

describe("what PEFT wrote", () => {
  test("opens with its settings and every value", async () => {
    const adapter = await open([configFile(), plain]);
    expect(adapter.lora).toEqual({
      rank: configJson["r"],
      alpha: configJson["lora_alpha"],
      targets: expect.arrayContaining(configJson["target_modules"] as string[]) as string[],
    });
    expect(adapter.types).toEqual(["F32"]);
    expect(adapter.step).toBeUndefined();
    for (const [name, { values }] of peftTensors) expect(await adapter.weights.read(name)).toEqual(values);
  });

  test("opens from a folder among other files", async () => {
    const inFolder = (file: ByteSource): ByteSource => ({ ...file, name: `run/adapter/${file.name}` });
    const files = [bytesSource("run/config.json", new Uint8Array()), inFolder(configFile()), inFolder(plain)];
    expect((await open(files)).files.map(({ name }) => name)).toEqual([
      "run/adapter/adapter_config.json",
      "run/adapter/adapter_model.safetensors",
    ]);
  });

  test("opens in halves and in bfloat16, as rounded", async () => {
    const halves = weightsFile(peftTensors, "F16", toHalves);
    const brains = weightsFile(peftTensors, "BF16", toBfloat16);
    for (const [file, type, tolerance] of [
      [halves, "F16", 2 ** -11],
      [brains, "BF16", 2 ** -8],
    ] as const) {
      const { types, weights } = await open([configFile(), file]);
      expect(types).toEqual([type]);
      const values = await weights.read(A);
      const expected = peftTensors.get(A)!.values;
      values.forEach((value, i) =>
        expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(tolerance * Math.abs(expected[i]!) + 1e-7),
      );
    }
  });

  test("tells the step of our own export", async () => {
    const [rank, targets] = [configJson["r"] as number, configJson["target_modules"] as string[]];
    const files = peftAdapterFiles({
      lora: { rank, alpha: 8, targets },
      baseModelName: "qwen2-tied",
      tensors: new Map(
        [...peftTensors].map(([name, { shape, values }]) => [
          name,
          { shape, values: () => Promise.resolve(values) },
        ]),
      ),
      step: 12,
    });
    const adapter = await open((await bytesOfAll(files)).map(({ name, bytes }) => bytesSource(name, bytes)));
    expect(adapter.step).toBe(12);
    expect(adapter.notices).toEqual([]);
  });

  test("of another base, or trained with dropout, is taken with a notice", async () => {
    const base = configFile({ base_model_name_or_path: "Qwen/Qwen2.5-0.5B", lora_dropout: 0.05 });
    expect((await open([base, plain], "other")).notices).toEqual([
      expect.stringMatching(/names the base model Qwen\/Qwen2\.5-0\.5B, and the model here is called other/),
      expect.stringMatching(/lora_dropout 0\.05; here no dropout/),
    ]);
    const same = configFile({ base_model_name_or_path: "/models/Qwen2.5-0.5B/" });
    expect((await open([same, plain], "qwen/Qwen2.5-0.5b")).notices).toEqual([]);
  });
});

describe("is refused", () => {
  const renamed = (from: string, to: string): ByteSource =>
    changed((tensors) => {
      tensors.set(to, tensors.get(from)!);
      tensors.delete(from);
    });
  const transposed = changed((tensors) => {
    const { shape, values } = tensors.get(A)!;
    tensors.set(A, { shape: shape.toReversed(), values });
  });
  const targets = configJson["target_modules"] as string[];
  const cases: readonly (readonly [string, readonly ByteSource[], RegExp])[] = [
    ["a missing config", [plain], /has no adapter_config\.json, which tells its rank/],
    ["missing weights", [configFile()], /has no adapter_model\.safetensors/],
    [
      "a pickle",
      [configFile(), bytesSource("adapter_model.bin", new Uint8Array(4))],
      /a pickle, which is not read/,
    ],
    [
      "two adapters",
      [configFile({}, "a/adapter_config.json"), configFile({}, "b/adapter_config.json"), plain],
      /two files called adapter_config\.json \(a\/.*b\/.*two adapters/,
    ],
    [
      "a missing tensor",
      [configFile(), changed((tensors) => tensors.delete(B))],
      /has no tensor ".*layers\.1\.self_attn\.v_proj\.lora_B\.weight" \(1 missing\)\. PEFT would/,
    ],
    [
      "a misnamed tensor, with the name that was meant",
      [configFile(), renamed(A, A.replace(".weight", ".default.weight"))],
      /has ".*q_proj\.lora_A\.default\.weight" and no ".*layers\.0\.self_attn\.q_proj\.lora_A\.weight"/,
    ],
    ["a transposed tensor", [configFile(), transposed], /q_proj\.lora_A\.weight" in .* it is transposed/],
    [
      "a target module without tensors",
      [
        configFile(),
        changed((tensors) => {
          for (const name of peftTensors.keys()) if (name.includes(".v_proj.")) tensors.delete(name);
        }),
      ],
      /target_modules in adapter_config\.json names v_proj, and .* no tensor of it, such as ".*v_proj/,
    ],
    [
      "tensors of a module that is no target",
      [configFile({ target_modules: targets.filter((target) => target !== "v_proj") }), plain],
      /has ".*v_proj.*", and target_modules .* names only/,
    ],
    [
      "another rank",
      [configFile({ r: (configJson["r"] as number) + 1 }), plain],
      /so its rank is \d+, and adapter_config\.json says r is \d+/,
    ],
    [
      "a layer that the model does not have",
      [configFile(), changed((tensors) => tensors.set(A.replace("layers.0", "layers.9"), tensors.get(A)!))],
      /layers\.9\..*and the model has \d+ layers/,
    ],
    [
      "a width of another model",
      [
        configFile(),
        changed((tensors) => {
          const [rank] = tensors.get(A)!.shape as [number];
          tensors.set(A, { shape: [rank + 1, 7], values: new Float32Array((rank + 1) * 7) });
        }),
      ],
      /is an adapter of another model/,
    ],
    [
      "a value that is no number",
      [
        configFile(),
        changed((tensors) => {
          const { shape, values } = tensors.get(A)!;
          tensors.set(A, { shape, values: values.with(3, Number.NaN) });
        }),
      ],
      /q_proj\.lora_A\.weight" in .* holds NaN at element 3/,
    ],
    [
      "whole numbers as weights",
      [configFile(), weightsFile(peftTensors, "I32")],
      /has type I32: F32, F16, BF16 are read/,
    ],
    [
      "an adapter that changes the frozen weights",
      [configFile({ init_lora_weights: "pissa" }), plain],
      /init_lora_weights is "pissa"/,
    ],
    ["modules of another model", [configFile({ target_modules: ["c_attn"] }), plain], /target "c_attn"/],
  ];
  test.each(cases)("%s", async (_, files, message) => {
    await expect(open(files)).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringMatching(message) as string,
    });
  });
});

test("an adapter's files are known by their names", () => {
  const names = ["adapter_config.json", "x/adapter_model.safetensors", "adapter_model.bin"];
  expect(names.map((name) => isAdapterFile({ name }))).toEqual([true, true, true]);
  expect(isAdapterFile({ name: "config.json" })).toBe(false);
  expect(isAdapterFile({ name: "my_adapter_config.json" })).toBe(false);
});
