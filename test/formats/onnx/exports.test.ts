// The ONNX reader judged by files that the real exporters made from known weights: float32 to the bit, float16 rounded
// once, 4-bit blocks as another implementation de-quantised them.

import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { roundF16 } from "../../../src/common/f16.ts";
import { openOnnxGraph } from "../../../src/formats/onnx/graph.ts";
import type { OnnxModel } from "../../../src/formats/onnx/model.ts";
import { openOnnxModel } from "../../../src/formats/onnx/model.ts";
import { parseDecoderConfig } from "../../../src/model/config.ts";
import type { ParameterSource } from "../../../src/model/parameters.ts";
import { parameterShapes } from "../../../src/model/weights.ts";
import type { ByteSource } from "../../../src/formats/safetensors.ts";
import { bytesSource } from "../../../src/formats/safetensors.ts";
import { firstDifference } from "./decoders.ts";
import { exportFiles, FAMILIES, file, FIXTURES, safetensors } from "./exports.ts";

/** Both sides multiply in float32; they may differ by the order of subtracting and multiplying. */
const BLOCK_TOLERANCE = 1e-6;

/** A sum of five products in float32 against one rounding. */
const MERGE_TOLERANCE = 1e-6;

/** The same file with other names for its tensors, of the same lengths: every small letter is the next one. */
async function otherNames(model: ByteSource): Promise<ByteSource> {
  const next = (letter: string): string => String.fromCharCode(97 + ((letter.charCodeAt(0) - 96) % 26));
  const { tensors } = await openOnnxGraph(model);
  const text = Buffer.from(await model.read(0, model.size)).toString("latin1");
  // Protobuf writes the length before the text.
  const names = [...tensors.keys()].map((name) => `${String.fromCharCode(name.length)}${name}`);
  const pattern = new RegExp(names.map((name) => name.replaceAll(/[^\w]/g, "\\$&")).join("|"), "g");
  const changed = text.replaceAll(pattern, (name) => name[0]! + name.slice(1).replaceAll(/[a-z]/g, next));
  const renamed = bytesSource(model.name, Buffer.from(changed, "latin1"));
  const found = await openOnnxGraph(renamed);
  expect([...found.tensors.keys()].filter((name) => /[a-z]/.test(name) && tensors.has(name))).toEqual([]);
  return renamed;
}

/** The export in `folder` of the model in folder `family`, whose model file may be another. */
const open = (family: string, folder: string, model?: ByteSource): Promise<OnnxModel> => {
  const [exports, entry] = [path.dirname(folder), path.basename(folder)];
  return openOnnxModel({ ...exportFiles({ folder: family, exports }, entry), ...(model && { model }) });
};

/** Holds an export's float weights against model.safetensors, after `rounding`. */
async function expectWeights(
  family: string,
  model: OnnxModel,
  rounding: (values: Float32Array) => Float32Array,
): Promise<void> {
  const weights = await safetensors(`${family}/model.safetensors`);
  const names = [...weights.entries.keys()].sort();
  expect(model.names.filter((name) => name !== "lm_head.weight").sort()).toEqual(names);
  for (const name of names) {
    expect(model.shape(name)).toEqual(weights.entry(name).shape);
    const expected = rounding(await weights.readF32(name));
    expect(firstDifference(await model.read(name), expected), name).toBe(-1);
  }
}

describe.for(FAMILIES)("$name", ({ name, folder: family, exports: folder, entries: exports }) => {
  const blocks = exports.filter((entry) => /int4|q4/.test(entry));
  const halves = exports.filter((entry) => entry.includes("fp16"));
  const adapters = exports.filter((entry) => entry.endsWith("-peft"));
  const others = [...blocks, ...halves, ...adapters];

  test.skipIf(exports.length === 0)(`${name}: every export is tested`, () => {
    expect(halves.length).toBeGreaterThan(0);
  });

  for (const entry of exports.filter((other) => !others.includes(other))) {
    test(`${entry} holds the weights of model.safetensors to the bit`, async () => {
      const model = await open(family, `${folder}/${entry}`);
      expect(model.description.weightType).toBe("F32");
      await expectWeights(family, model, (values) => values);
    });
  }

  for (const entry of exports) {
    test(`${entry} is read by its wiring: other names for its tensors change nothing`, async () => {
      const [model, renamed] = [
        await open(family, `${folder}/${entry}`),
        await open(family, `${folder}/${entry}`, await otherNames(file(`${folder}/${entry}/model.onnx`))),
      ];
      expect(renamed.names).toEqual(model.names);
      for (const known of model.names.filter((other) => other.endsWith("norm.weight")))
        expect(await renamed.read(known)).toEqual(await model.read(known));
    });
  }

  for (const entry of halves) {
    test(`${entry} holds the weights of model.safetensors rounded to halves`, async () => {
      const model = await open(family, `${folder}/${entry}`);
      expect(model.description.weightType).toBe("F16");
      await expectWeights(family, model, roundF16);
    });
  }

  for (const entry of blocks) {
    test(`${entry} is de-quantised as another implementation does it`, async () => {
      const model = await open(family, `${folder}/${entry}`);
      const reference = await safetensors(`${folder}/${entry}/dequantised.safetensors`);
      expect(model.description.weightType).toBe("Q4");
      for (const known of model.names) {
        const expected = await reference.readF32(`w.${known}`);
        expect(firstDifference(await model.read(known), expected, BLOCK_TOLERANCE), known).toBe(-1);
      }
    });
  }

  for (const entry of adapters) {
    test(`${entry} is the model with its adapter added`, async () => {
      const model = await open(family, `${folder}/${entry}`);
      expect(model.description.isAdapterMerged).toBe(true);
      const [weights, adapter] = [
        await safetensors(`${family}/model.safetensors`),
        await safetensors(`${family}/adapter/adapter_model.safetensors`),
      ];
      const { r, lora_alpha: alpha } = JSON.parse(
        readFileSync(`${family}/adapter/adapter_config.json`, "utf8"),
      ) as { r: number; lora_alpha: number };
      for (const name of model.names) {
        const expected = await weights.readF32(name);
        const peft = `base_model.model.${name.replace(/\.weight$/, "")}`;
        if (adapter.has(`${peft}.lora_A.weight`)) {
          const a = await adapter.readF32(`${peft}.lora_A.weight`);
          const b = await adapter.readF32(`${peft}.lora_B.weight`);
          const inputs = a.length / r;
          for (let i = 0; i < expected.length; i++)
            for (let n = 0; n < r; n++)
              expected[i]! +=
                (alpha / r) * b[Math.floor(i / inputs) * r + n]! * a[n * inputs + (i % inputs)]!;
        }
        expect(firstDifference(await model.read(name), expected, MERGE_TOLERANCE), name).toBe(-1);
      }
    });
  }
});

describe("what was recognised", () => {
  const expected = {
    "tjs-fp16": ["transformers.js", "pytorch", 14, "F16", false, "tied", true],
    "v0.15.2-webgpu-fp16": ["model builder", "onnxruntime-genai", 21, "F16", true, "tied", false],
  } as const;
  test.for(Object.entries(expected))("%s is described", async ([entry, values]) => {
    const { description } = await open(`${FIXTURES}/qwen2-tied`, `${FIXTURES}/onnx/${entry}`);
    const [layout, producer, opset, weightType, isQkvPacked, head, takesPositionIds] = values;
    expect(description).toEqual({
      layout,
      producer,
      opset,
      weightType,
      computesInHalves: true,
      isQkvPacked,
      head,
      takesPositionIds,
      isAdapterMerged: false,
    });
  });
});

test.each(["tjs-fp16", "v0.15.2-webgpu-fp16"])("%s has what the engine asks for", async (entry) => {
  const config = parseDecoderConfig(JSON.parse(readFileSync(`${FIXTURES}/qwen2-tied/config.json`, "utf8")));
  const folder = `${FIXTURES}/onnx/${entry}`;
  const source: ParameterSource = await openOnnxModel({
    model: file(`${folder}/model.onnx`),
    external: (name) => file(`${folder}/${name}`),
    config,
  });
  const shapes = parameterShapes(config);
  expect([...source.names!].sort()).toEqual([...shapes.keys()].sort());
  for (const [name, shape] of shapes) expect(source.shape(name), name).toEqual(shape);
});
