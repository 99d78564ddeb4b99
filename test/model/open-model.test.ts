// Opening a model from the files that people drop: what is found, under which name, and what is said when something is
// missing or belongs to another model.

import { existsSync } from "node:fs";

import { describe, expect, test } from "vitest";

import type { ByteSource } from "../../src/formats/safetensors.ts";
import { bytesSource, writeSafetensors } from "../../src/formats/safetensors.ts";
import { openModel } from "../../src/model/open-model.ts";
import { sharedPath } from "../formats/fixtures.ts";
import { tinyFiles, tinyWeights } from "../rl/tiny-run.ts";
import { openExport } from "./open-export.ts";

const FILES = tinyFiles();
const without = (...names: string[]): ByteSource[] => FILES.filter(({ name }) => !names.includes(name));
const named = (name: string, text = ""): ByteSource => bytesSource(name, new TextEncoder().encode(text));
const inFolder = (folder: string, files: readonly ByteSource[]): ByteSource[] =>
  files.map((file) => ({ ...file, name: `${folder}/${file.name}` }));

describe("a model opens", () => {
  test("from its files in any order, with others among them, and says what it used", async () => {
    const files = [
      named("README.md", "# Hello"),
      ...FILES.toReversed(),
      named("generation_config.json", "{}"),
    ];
    const model = await openModel(files);
    expect(model.name).toBe("model");
    expect(model.source).toBe("safetensors, F32");
    // Other tools read the second, so that an export has it again.
    const used = [...FILES.map(({ name }) => name), "generation_config.json"];
    expect(model.files.map(({ name }) => name).toSorted()).toEqual(used.toSorted());
    expect(model.config).toMatchObject({ hidden: 32, vocab: 512, tied: false });
    expect(model.tokenizer.eosToken?.text).toBe("<|im_end|>");
    expect(model.json["model_type"]).toBe("qwen2");
    const [name, shape, values] = tinyWeights()[0]!;
    expect(model.weights.shape(name)).toEqual(shape);
    expect(await model.weights.read(name)).toEqual(values);
    expect(model.weights.shape("nothing")).toBeUndefined();
  });

  test("under the name of its folder, what it calls itself, or the one that is given", async () => {
    expect((await openModel(inFolder("Qwen2.5-0.5B", FILES))).name).toBe("Qwen2.5-0.5B");
    expect((await openModel(tinyFiles({ _name_or_path: "own/name" }))).name).toBe("own/name");
    expect((await openModel(inFolder("folder", FILES), "given")).name).toBe("given");
  });

  test("from weights in several files", async () => {
    const all = tinyWeights();
    const shard = (part: number): ByteSource =>
      bytesSource(
        `model-0000${part}-of-00002.safetensors`,
        writeSafetensors(all.filter((_, i) => i % 2 === part - 1)),
      );
    const { weights, files, source } = await openModel([...without("model.safetensors"), shard(2), shard(1)]);
    expect(new Set(weights.names)).toEqual(new Set(all.map(([name]) => name)));
    for (const [name, shape, values] of all) {
      expect(weights.shape(name)).toEqual(shape);
      expect(await weights.read(name)).toEqual(values);
    }
    expect(files.length).toBe(5);
    expect(source).toBe("safetensors, F32");
  });

  test("again from the files that it says it used", async () => {
    const first = await openModel([named("adapter_model.safetensors"), ...FILES]);
    const second = await openModel(first.files, first.name);
    expect(second.config).toEqual(first.config);
    expect(second.weights.names).toEqual(first.weights.names);
  });
});

const EXPORTS = sharedPath("models/qwen2-tied/exports");

describe.skipIf(!existsSync(EXPORTS))("../shared/data/models: a tied model in ONNX opens", () => {
  test.each([
    ["v0.9.2-webgpu-int4", false, "a head of its own where only that was quantised"],
    ["v0.15.2-webgpu-int4", true, "one matrix where the file has one"],
    ["v0.9.2-webgpu-fp16", true, "one matrix where the file has it twice"],
  ] as const)("%s with tied = %s: %s", async (entry, tied, _) => {
    const family = sharedPath("models/qwen2-tied");
    const { config, onnx, weights } = await openExport(family, `${EXPORTS}/${entry}`);
    expect(config.tied).toBe(tied);
    expect(onnx!.config).toEqual(config);
    expect(tied || weights.shape("lm_head.weight") !== undefined).toBe(true);
  });
});

describe("a model is refused in a sentence", () => {
  test.each([
    [
      "without config.json",
      without("config.json"),
      /The model has no config\.json, .* \(files given: tokenizer\.json, /,
    ],
    ["without tokenizer.json", without("tokenizer.json"), /has no tokenizer\.json, without which its texts/],
    ["without files", [], /has no config\.json, .*files given: none/],
    [
      "without weights",
      without("model.safetensors"),
      /The model has no weights: neither .* is among config\.json, /,
    ],
    [
      "when it is of another architecture",
      inFolder("other", tinyFiles({ model_type: "gemma3", architectures: ["Gemma3ForCausalLM"] })),
      /^other\/config\.json: model_type is "gemma3" \(Gemma3ForCausalLM\), and this engine computes qwen2, qwen3, llama/,
    ],
    [
      "when the tokenizer has more tokens than the model",
      tinyFiles({ vocab_size: 400 }),
      /^tokenizer\.json has 428 tokens and config\.json says vocab_size 400: they are of different models/,
    ],
    [
      "when config.json is damaged",
      [named("config.json", "{"), ...without("config.json")],
      /^config\.json .*JSON/,
    ],
    [
      "when the weights are cut off",
      [...without("model.safetensors"), named("model.safetensors", "short")],
      /^model\.safetensors is not a whole safetensors file/,
    ],
    [
      "when there are several ONNX files and none is called model.onnx",
      [...without("model.safetensors"), named("a.onnx"), named("b.onnx")],
      /There are 2 ONNX files \(a\.onnx, b\.onnx\), and one model is trained at a time/,
    ],
    [
      "when model.onnx is no ONNX file",
      [...without("model.safetensors"), named("model.onnx", "no graph")],
      /model\.onnx/,
    ],
  ])("%s", async (_, files, message) => {
    await expect(openModel(files)).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringMatching(message),
    });
    await expect(openModel(files)).rejects.toThrow(/\.$/);
  });
});
