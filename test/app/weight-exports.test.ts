// Trained weights as other tools read them: what was not trained comes back to the bit, and what was trained computes what
// Hugging Face computes with the same adapter.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

import { weightExport } from "../../src/app/weight-exports.ts";
import { roundF16 } from "../../src/common/f16.ts";
import { tryJson } from "../../src/formats/json.ts";
import type { ByteSource } from "../../src/formats/safetensors.ts";
import { bytesSource, openSafetensors } from "../../src/formats/safetensors.ts";
import type { StreamedTensor } from "../../src/formats/safetensors-stream.ts";
import { encodeSafetensors } from "../../src/formats/safetensors-stream.ts";
import { mergedWeights } from "../../src/model/merged-weights.ts";
import { openModel } from "../../src/model/open-model.ts";
import { openGolden, responseValues } from "../../src/node/verify/golden.ts";
import { collected, fixture, isShared, sharedPath } from "../formats/fixtures.ts";
import { OrtDecoder } from "../formats/onnx/ort.ts";
import { BESIDE, QWEN2_ADAPTER, qwen2File, trainedFixture } from "./trained-fixture.ts";

const PLAIN = { model: [qwen2File("config.json"), qwen2File("model.safetensors")], ...QWEN2_ADAPTER };

const written = async (...args: Parameters<typeof weightExport>): Promise<ByteSource[]> =>
  Promise.all(
    (await weightExport(...args)).map(async (file) => bytesSource(file.name, await collected(file))),
  );
const fileOf = (files: readonly ByteSource[], name: string): ByteSource =>
  files.find((file) => file.name === name)!;
const onnxOf = (files: readonly ByteSource[]): ByteSource =>
  files.find(({ name }) => name.endsWith(".onnx"))!;
const worstOf = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
const bytesOf = async (file: ByteSource): Promise<Uint8Array> =>
  new Uint8Array(await file.read(0, file.size));
const jsonOf = async (file: ByteSource): Promise<unknown> =>
  tryJson(new TextDecoder().decode(await bytesOf(file)))?.value;

/** The fixture's weights in another type. */
async function stored(dtype: StreamedTensor["dtype"]): Promise<ByteSource> {
  const file = await openSafetensors(qwen2File("model.safetensors"));
  const tensors = [...file.entries].map(([name, { shape }]): StreamedTensor => ({
    name,
    dtype,
    shape,
    values: () => file.readF32(name),
  }));
  return bytesSource("model.safetensors", await collected(encodeSafetensors(tensors)));
}

describe("without training", () => {
  test.each(["F32", "F16", "BF16"] as const)(
    "safetensors in %s come out as the same file, and what lay beside them too",
    async (dtype) => {
      const base = await stored(dtype);
      const model = [qwen2File("config.json"), base];
      const files = await written(
        await trainedFixture({ ...QWEN2_ADAPTER, model, isUntrained: true }),
        "safetensors",
      );
      expect(await bytesOf(fileOf(files, "model.safetensors"))).toEqual(await bytesOf(base));
      for (const source of [qwen2File("config.json"), ...BESIDE])
        expect(await bytesOf(fileOf(files, source.name))).toEqual(await bytesOf(source));
      expect(files.length).toBe(2 + BESIDE.length);
    },
  );

  test("the file that transformers wrote comes out to the byte", async () => {
    const files = await written(await trainedFixture({ ...PLAIN, isUntrained: true }), "safetensors");
    const own = fixture("qwen2-tied/model.safetensors");
    expect(Buffer.compare(await bytesOf(fileOf(files, "model.safetensors")), own)).toBe(0);
  });

  test("ONNX holds the weights, to the bit in float32 and rounded once in float16", async () => {
    const trained = await trainedFixture({ ...PLAIN, isUntrained: true });
    for (const [form, rounded] of [
      ["onnx", (values: Float32Array) => values],
      ["onnx-f16", roundF16],
    ] as const) {
      const { weights } = await openModel(await written(trained, form));
      for (const name of trained.weights.names)
        expect(await weights.read(name), name).toEqual(rounded(await trained.model.weights.read(name)));
    }
  });
});

describe("after training", async () => {
  const trained = await trainedFixture(PLAIN);

  test("only the matrices of the adapter's targets are changed", async () => {
    const { weights, model } = trained;
    expect(weights.isChanged("model.layers.1.mlp.down_proj.weight")).toBe(true);
    expect(weights.isChanged("model.embed_tokens.weight")).toBe(false);
    for (const name of weights.names) {
      const isSame = Buffer.from((await weights.read(name)).buffer).equals(
        Buffer.from((await model.weights.read(name)).buffer),
      );
      expect(isSame, name).toBe(!weights.isChanged(name));
    }
  });

  test("some rows are those of the whole, merged or not, of sources with and without rows", async () => {
    const { model, trained: adapter, weights } = trained;
    const whole = {
      name: model.weights.name,
      shape: (name: string) => model.weights.shape(name),
      read: (name: string) => model.weights.read(name),
    };
    const others = mergedWeights(model.config, whole, adapter);
    for (const name of ["model.embed_tokens.weight", "model.layers.1.mlp.down_proj.weight"]) {
      const values = await weights.read(name);
      const columns = weights.shape(name)![1]!;
      for (const source of [weights, others])
        expect(await source.readRows(name, 3, 4), name).toEqual(values.slice(3 * columns, 7 * columns));
    }
    const norm = await weights.read("model.norm.weight");
    expect(await weights.readRows("model.norm.weight", 3, 4)).toEqual(norm.slice(3, 7));
  });

  test("safetensors open as a model with the merged weights", async () => {
    const opened = await openModel(await written(trained, "safetensors"));
    expect(opened.weights.names).not.toContain("lm_head.weight");
    for (const name of trained.weights.names)
      expect(await opened.weights.read(name), name).toEqual(await trained.weights.read(name));
  });

  test.each(["onnx", "onnx-f16"] as const)(
    "%s runs in ONNX Runtime as Hugging Face runs the model with its adapter",
    async (form) => {
      const model = onnxOf(await written(trained, form));
      const tolerance = form === "onnx" ? 1e-4 : 2e-2;
      for (const { tokens, from, logProbs } of await goldenRows()) {
        const actual = await ortLogProbs(model, tokens, from);
        expect(worstOf(actual, logProbs), form).toBeLessThan(tolerance);
      }
    },
  );

  test("4-bit ONNX computes what its own rounded weights compute", async () => {
    const files = await written(trained, "onnx-q4");
    const { weights } = await openModel(files);
    const rounded = { ...trained.weights, read: (name: string) => weights.read(name) };
    const plain = onnxOf(await written({ ...trained, weights: rounded }, "onnx"));
    const { tokens } = (await goldenRows())[0]!;
    const [actual, expected] = [
      await ortLogProbs(onnxOf(files), tokens, 1),
      await ortLogProbs(plain, tokens, 1),
    ];
    expect(worstOf(actual, expected)).toBeLessThan(1e-4);
  });

  async function ortLogProbs(file: ByteSource, tokens: readonly number[], from: number): Promise<number[]> {
    const { config } = trained.model;
    const logits = await OrtDecoder.run(await bytesOf(file), config, [tokens]);
    return tokens
      .slice(from)
      .map((token, t) =>
        logSoftmax(logits.subarray((from + t - 1) * config.vocab, (from + t) * config.vocab), token),
      );
  }

  test("ONNX files lie where transformers.js looks for them, and config.json tells it the caches' type", async () => {
    const names = async (form: "onnx" | "onnx-f16" | "onnx-q4") =>
      (await weightExport(trained, form)).map(({ name }) => name);
    expect(await names("onnx")).toContain("onnx/model.onnx");
    expect(await names("onnx-q4")).toContain("onnx/model_q4.onnx");
    expect(await names("onnx-f16")).toEqual([
      "config.json",
      ...BESIDE.map(({ name }) => name),
      "onnx/model_fp16.onnx",
    ]);
    const config = await jsonOf(fileOf(await written(trained, "onnx-f16"), "config.json"));
    expect(config).toMatchObject({
      model_type: "qwen2",
      "transformers.js_config": { kv_cache_dtype: { fp16: "float16" } },
    });
  });
});

test("weights that the type cannot hold are refused, with the step", async () => {
  const file = await stored("F16");
  const trained = await trainedFixture({ ...QWEN2_ADAPTER, model: [qwen2File("config.json"), file] });
  const weights = {
    ...trained.weights,
    read: async (name: string) => (await trained.weights.read(name)).fill(1e6),
  };
  await expect(written({ ...trained, weights }, "safetensors")).rejects.toMatchObject({
    name: "UserError",
    message: expect.stringMatching(/holds 1000000 at element 0 after step 7.*diverged/),
  });
});

describe("adapters against the files that PEFT wrote", () => {
  test.each(["qwen2-tied", "llama-tied", "qwen3-tied"])("%s", async (name) => {
    const folder = `models/${name}/`;
    if (!isShared(folder) && name !== "qwen2-tied") return;
    const read = (file: string): ByteSource =>
      bytesSource(
        file.split("/").at(-1)!,
        isShared(folder) ? readFileSync(sharedPath(`${folder}${file}`)) : fixture(`${name}/${file}`),
      );
    const [adapterConfig, adapter] = [
      read("adapter/adapter_config.json"),
      read("adapter/adapter_model.safetensors"),
    ];
    const model = [read("config.json"), read("model.safetensors")];
    const files = await written(await trainedFixture({ model, adapterConfig, adapter }), "adapter");
    const [ours, theirs] = await Promise.all([openSafetensors(files[1]!), openSafetensors(adapter)]);
    expect([...ours.entries.keys()].toSorted()).toEqual([...theirs.entries.keys()].toSorted());
    for (const [tensor, { shape, dtype }] of theirs.entries) {
      expect(ours.entry(tensor)).toMatchObject({ shape, dtype });
      expect(await ours.readF32(tensor)).toEqual(await theirs.readF32(tensor));
    }
    const [config, own] = [await jsonOf(files[0]!), await jsonOf(adapterConfig)] as Record<string, unknown>[];
    for (const [field, value] of Object.entries(config!))
      if (field !== "base_model_name_or_path") expect([field, value]).toEqual([field, own![field]]);
  });
});

/** Sequences of the fixture with Hugging Face's log-probabilities of their responses, with the adapter. */
async function goldenRows(): Promise<{ tokens: number[]; from: number; logProbs: number[] }[]> {
  const golden = await openGolden(fileURLToPath(new URL("../fixtures/qwen2-tied", import.meta.url)));
  const values = await responseValues(golden, "lora_logprobs");
  let done = 0;
  return golden.groups.map(({ prompt, responses }) => {
    const [response] = responses as [number[]];
    const logProbs = values.slice(done, (done += response.length));
    return { tokens: [...prompt, ...response], from: prompt.length, logProbs };
  });
}

function logSoftmax(logits: Float32Array, token: number): number {
  const peak = Math.max(...logits);
  return logits[token]! - peak - Math.log(logits.reduce((sum, value) => sum + Math.exp(value - peak), 0));
}
