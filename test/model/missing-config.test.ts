// A model without config.json: what is read off the graphs of all exporters is what config.json says, and what a graph does not
// tell is asked for by name.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

import { writeOnnxModel } from "../../src/formats/onnx/write.ts";
import type { ByteSource } from "../../src/formats/safetensors.ts";
import { bytesSource } from "../../src/formats/safetensors.ts";
import type { DecoderConfig } from "../../src/model/config.ts";
import { parseDecoderConfig } from "../../src/model/config.ts";
import { derivedConfig } from "../../src/model/missing-config.ts";
import { openModel } from "../../src/model/open-model.ts";
import { randomWeights } from "../../src/node/make-model/random-weights.ts";
import { read } from "../files.ts";
import { tinyFiles } from "../rl/tiny-run.ts";

const MODELS = fileURLToPath(new URL("../../../shared/data/models", import.meta.url));
const FIXTURES = fileURLToPath(new URL("../fixtures/onnx", import.meta.url));
const folders = (parent: string): string[] =>
  existsSync(parent)
    ? readdirSync(parent, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => join(parent, name))
    : [];

const jsonSource = (name: string, value: unknown): ByteSource =>
  bytesSource(name, new TextEncoder().encode(JSON.stringify(value)));
const filesOf = (folder: string): ByteSource[] =>
  readdirSync(folder)
    .filter((name) => name !== "config.json")
    .map((name) => bytesSource(name, readFileSync(join(folder, name))));

/** What is derived from the files of an export, and a tokenizer's configuration that tells the longest text. */
async function derived(files: readonly ByteSource[], longest: number): Promise<DecoderConfig> {
  const all = [...files, jsonSource("tokenizer_config.json", { model_max_length: longest })];
  const find = (name: string): ByteSource | undefined => all.find((file) => file.name === name);
  return parseDecoderConfig(
    await derivedConfig({ model: find("model.onnx")!, external: find, find }),
    "derived",
  );
}

const withoutEos = ({ eosTokenIds: _, ...config }: DecoderConfig): Omit<DecoderConfig, "eosTokenIds"> =>
  config;

describe("a graph tells what config.json says", () => {
  const exports = folders(MODELS).flatMap((model) =>
    folders(join(model, "exports")).map((folder) => ({ folder, config: join(model, "config.json") })),
  );
  const fixtures = folders(FIXTURES).map((folder) => ({
    folder,
    config: fileURLToPath(new URL("../fixtures/qwen2-tied/config.json", import.meta.url)),
  }));
  test.each([...exports, ...fixtures])("$folder", async ({ folder, config }) => {
    const wanted = parseDecoderConfig(JSON.parse(readFileSync(config, "utf8")));
    const files = filesOf(folder);
    const found = await derived(files, wanted.maxPositions);
    expect(withoutEos(found)).toEqual(withoutEos(wanted));
    if (files.some(({ name }) => name === "genai_config.json"))
      expect(found.eosTokenIds).toEqual(wanted.eosTokenIds);
  });
});

const TINY = JSON.parse(read("test/fixtures/qwen2-tied/config.json")) as Record<string, unknown>;

describe("a model that our own writer made", () => {
  const written = async (json: Record<string, unknown>, precision: "float32" | "float16" | "int4") => {
    const config = parseDecoderConfig({ ...TINY, ...json });
    const bytes = await writeOnnxModel(config, randomWeights(config, 1), { precision });
    return { config, file: bytesSource("model.onnx", bytes) };
  };
  const LLAMA3 = {
    rope_type: "llama3",
    factor: 32,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  };
  test.each([
    ["is untied", { tie_word_embeddings: false }],
    ["turns slower by a factor", { rope_scaling: { rope_type: "linear", factor: 2.5 } }],
    ["turns as Llama 3.2 does", { rope_theta: 500_000, rope_scaling: LLAMA3, head_dim: 64 }],
    [
      "turns as Llama 3.1 does",
      { rope_theta: 500_000, rope_scaling: { ...LLAMA3, factor: 8 }, head_dim: 128 },
    ],
    ["has an unusual theta", { rope_theta: 1_234_567 }],
    ["has another epsilon", { rms_norm_eps: 2.5e-5 }],
  ] as const)("is read without config.json when it %s", async (_, json) => {
    for (const precision of ["float32", "float16", "int4"] as const) {
      const { config, file } = await written({ ...json, max_position_embeddings: 2048 }, precision);
      const { ropeTheta, ...found } = withoutEos(await derived([file], 1));
      const { ropeTheta: theta, ...wanted } = withoutEos(config);
      expect(found, precision).toEqual(wanted);
      // Half precision knows a theta of many digits to three of them.
      expect(Math.abs(ropeTheta / theta - 1), precision).toBeLessThan(precision === "float16" ? 3e-3 : 1e-6);
    }
  });

  test("opens without config.json, and again from the files that it says it used", async () => {
    const files = tinyFiles().filter(({ name }) => name.startsWith("tokenizer"));
    const { config, file } = await written({ vocab_size: 512 }, "float32");
    const model = await openModel([
      ...files,
      file,
      jsonSource("generation_config.json", { eos_token_id: [7, 9] }),
    ]);
    expect(model.config).toEqual({ ...config, eosTokenIds: [7, 9] });
    expect(model.json).toMatchObject({ model_type: "qwen2", vocab_size: 512 });
    expect((await openModel(model.files)).config).toEqual(model.config);
  });

  test("is asked for what it does not tell, by name", async () => {
    const { file } = await written({}, "float32");
    const bytes = Buffer.from(await file.read(0, file.size));
    const without = (word: string): ByteSource =>
      bytesSource(
        "model.onnx",
        Buffer.from(bytes.toString("latin1").replaceAll(word, word.replace(/^./, "_")), "latin1"),
      );
    await expect(derived([without("GroupQueryAttention")], 64)).rejects.toThrow(
      /no config\.json, and model\.onnx alone does not tell .*num_attention_heads.*head_dim.*rope_theta/,
    );
    await expect(derived([without("epsilon")], 64)).rejects.toThrow(
      /does not tell rms_norm_eps \(from its norms\)\. Drop config\.json/,
    );
  });
});
