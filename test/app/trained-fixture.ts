// Models with Hugging Face's own numbers and the adapters that PEFT wrote for them, as a run would leave them: for tests of what
// is exported. Their tokenizer is one of the tests' own.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { TrainedModel } from "../../src/app/trained-model.ts";
import type { JsonObject } from "../../src/formats/json.ts";
import { readJsonObject } from "../../src/formats/json.ts";
import type { ByteSource } from "../../src/formats/safetensors.ts";
import { bytesSource, openSafetensors } from "../../src/formats/safetensors.ts";
import { parsePeftConfig } from "../../src/model/lora.ts";
import { mergedWeights } from "../../src/model/merged-weights.ts";
import { openModel } from "../../src/model/open-model.ts";
import type { ParameterSource } from "../../src/model/parameters.ts";
import { fixture, isShared, sharedPath, sourceOf } from "../formats/fixtures.ts";
import { BYTE_LEVEL } from "../formats/tiny-tokenizers.ts";

/** Files that stand beside weights, and that exports must have as they were. */
export const BESIDE: readonly ByteSource[] = [
  sourceOf("tokenizer.json", { ...BYTE_LEVEL, added_tokens: [] }),
  sourceOf("tokenizer_config.json", { chat_template: "{{ messages[0].content }}" }),
  sourceOf("generation_config.json", { temperature: 0.7 }),
];

export async function sourceFrom(file: ByteSource): Promise<ParameterSource> {
  const opened = await openSafetensors(file);
  return {
    name: file.name,
    names: [...opened.entries.keys()],
    shape: (name) => opened.entries.get(name)?.shape,
    read: (name) => opened.readF32(name),
  };
}

/** An adapter that changes nothing: its B is zero. */
const untrained = (source: ParameterSource): ParameterSource => ({
  ...source,
  read: async (name) => {
    const values = await source.read(name);
    return name.includes("lora_B") ? values.fill(0) : values;
  },
});

export interface FixtureFiles {
  /** config.json and weights. */
  readonly model: readonly ByteSource[];
  readonly adapterConfig: ByteSource;
  readonly adapter: ByteSource;
  readonly isUntrained?: boolean;
}

/** The model as if a run had ended with this adapter at step 7. */
export async function trainedFixture(files: FixtureFiles): Promise<TrainedModel> {
  const model = await openModel([...files.model, ...BESIDE], "fixture");
  const json: JsonObject = await readJsonObject(files.adapterConfig);
  const lora = { ...parsePeftConfig(json, files.adapterConfig.name), seed: 0 };
  const read = await sourceFrom(files.adapter);
  const source = files.isUntrained ? untrained(read) : read;
  const trained = { source, lora };
  const weights = mergedWeights(model.config, model.weights, trained);
  return { model, step: 7, trained, weights, baseType: "f32" };
}

const QWEN2 = "qwen2-tied/";
const EXPORTS = `models/${QWEN2}exports/`;

/** A file of the fixture `qwen2-tied`. */
export const qwen2File = (path: string): ByteSource =>
  bytesSource(path.split("/").at(-1)!, fixture(`${QWEN2}${path}`));

export const QWEN2_ADAPTER = {
  adapterConfig: qwen2File("adapter/adapter_config.json"),
  adapter: qwen2File("adapter/adapter_model.safetensors"),
} as const;

/** Whether this export of `qwen2-tied` is there: two are of the checkout, more may lie beside it. */
export const hasQwen2Export = (name: string): boolean =>
  isShared(`${EXPORTS}${name}`) || ["tjs-fp16", "v0.15.2-webgpu-fp16"].includes(name);

/** config.json and the files of an ONNX export of the same model. */
export function qwen2Export(name: string): ByteSource[] {
  const folder = isShared(`${EXPORTS}${name}`)
    ? sharedPath(`${EXPORTS}${name}`)
    : fileURLToPath(new URL(`../fixtures/onnx/${name}`, import.meta.url));
  const files = readdirSync(folder).filter((file) => /^model\.onnx|^genai_config\.json$/.test(file));
  const sources = files.map((file) => bytesSource(file, new Uint8Array(readFileSync(`${folder}/${file}`))));
  return [qwen2File("config.json"), ...sources];
}
