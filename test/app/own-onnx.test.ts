// A person's own ONNX file with the trained weights in it: unchanged where nothing was trained, in its place beside the other
// files, and with the trained weights in its own precision.

import { describe, expect, test } from "vitest";

import { readBack } from "../../src/app/read-back.ts";
import { weightExport } from "../../src/app/weight-exports.ts";
import type { ByteSource } from "../../src/formats/safetensors.ts";
import { bytesSource } from "../../src/formats/safetensors.ts";
import { collected, fixtureJson, sourceOf } from "../formats/fixtures.ts";
import { BESIDE, hasQwen2Export, QWEN2_ADAPTER, qwen2Export, trainedFixture } from "./trained-fixture.ts";

/** Layouts, precisions, block sizes; those that lie beside the checkout are left out where it stands alone. */
const NAMES = [
  "tjs-fp16",
  "v0.15.2-webgpu-fp16",
  "v0.15.2-webgpu-fp32",
  "v0.6.0-web-fp32",
  "tjs-fp32",
  "tjs-q4",
  "v0.15.2-webgpu-int4-fp32acc1",
  "v0.15.2-webgpu-int4-fp32acc1-block128asym",
].filter(hasQwen2Export);

const bytesOf = async (file: ByteSource): Promise<Buffer> => Buffer.from(await file.read(0, file.size));

describe.each(NAMES)("%s", (name) => {
  const base = qwen2Export(name);

  test("comes out to the byte without training, with everything beside it", async () => {
    const trained = await trainedFixture({ model: base, ...QWEN2_ADAPTER, isUntrained: true });
    const files = await weightExport(trained, "onnx");
    const given = [...base, ...BESIDE];
    expect(files.map((file) => file.name.split("/").at(-1)!).toSorted()).toEqual(
      given.map((file) => file.name).toSorted(),
    );
    const isGenai = given.some((file) => file.name === "genai_config.json");
    for (const file of files) {
      if (file.name === "config.json") continue;
      const own = given.find((source) => file.name.split("/").at(-1) === source.name)!;
      expect(Buffer.compare(Buffer.from(await collected(file)), await bytesOf(own)), file.name).toBe(0);
      if (own.name.startsWith("model.onnx")) expect(file.name).toBe(`${isGenai ? "" : "onnx/"}${own.name}`);
    }
  });

  test("reads back with the trained weights, in its own precision", async () => {
    const trained = await trainedFixture({ model: base, ...QWEN2_ADAPTER });
    const written = await Promise.all(
      (await weightExport(trained, "onnx")).map(async (file) =>
        bytesSource(file.name, await collected(file)),
      ),
    );
    const { model, blockError } = await readBack(written, "onnx", trained);
    expect(model!.source).toBe(trained.model.source);
    if (name.includes("q4") || name.includes("int4")) expect(blockError).toBeGreaterThan(0);
    else expect(blockError).toBe(0);
    const matrix = "model.layers.0.self_attn.q_proj.weight";
    expect(await model!.weights.read(matrix)).not.toEqual(await trained.model.weights.read(matrix));
  });
});

test("caches of halves are told to transformers.js, unless config.json says something already", async () => {
  const configOf = async (json: object): Promise<unknown> => {
    const [, ...others] = qwen2Export("v0.15.2-webgpu-fp16");
    const own = fixtureJson("qwen2-tied/config.json") as object;
    const model = [sourceOf("config.json", { ...own, ...json }), ...others];
    const [config] = await weightExport(await trainedFixture({ model, ...QWEN2_ADAPTER }), "onnx");
    expect(config!.name).toBe("config.json");
    const written = JSON.parse(new TextDecoder().decode(await collected(config!))) as Record<string, unknown>;
    return written["transformers.js_config"];
  };
  expect(await configOf({})).toEqual({ kv_cache_dtype: "float16" });
  const said = { kv_cache_dtype: { fp16: "float16" } };
  expect(await configOf({ "transformers.js_config": said })).toEqual(said);
});
