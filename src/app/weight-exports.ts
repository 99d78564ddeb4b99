// The forms in which trained weights are taken home, each as the files of a folder that other tools load: PEFT, transformers,
// ONNX Runtime and transformers.js. Files are made while they are written. Whether they are right is checked elsewhere.

import { baseName } from "../common/base-name.ts";
import { UserError } from "../common/errors.ts";
import type { EncodedFile, NamedStream } from "../formats/encoded-file.ts";
import { copyOf, streamOf } from "../formats/encoded-file.ts";
import type { JsonObject } from "../formats/json.ts";
import { isObject } from "../formats/json.ts";
import type { OnnxDescription } from "../formats/onnx/model.ts";
import type { WeightPrecision } from "../formats/onnx/precision.ts";
import { replaceWeights } from "../formats/onnx/replace-weights.ts";
import { encodeOnnxModel } from "../formats/onnx/write.ts";
import { peftAdapterFiles } from "../formats/peft.ts";
import type { StreamedTensor } from "../formats/safetensors-stream.ts";
import { encodeSafetensors } from "../formats/safetensors-stream.ts";
import { COMPANIONS, type OpenedModel } from "../model/open-model.ts";
import type { AdapterAlone, TrainedModel } from "./trained-model.ts";
import { isAlone } from "./trained-model.ts";

export const WEIGHT_FORMS = ["adapter", "safetensors", "onnx", "onnx-f16", "onnx-q4"] as const;
export type WeightForm = (typeof WEIGHT_FORMS)[number];

/** The forms that `trained` can take. */
export const formsOf = ({ trained }: TrainedModel): readonly WeightForm[] =>
  trained.lora ? WEIGHT_FORMS : WEIGHT_FORMS.filter((form) => form !== "adapter");

/** The files of one form. Throws UserError when the form cannot hold these weights. */
export async function weightExport(
  trained: TrainedModel | AdapterAlone,
  form: WeightForm,
): Promise<readonly NamedStream[]> {
  if (form === "adapter") return adapterFiles(trained);
  if (isAlone(trained)) throw new UserError(trained.lost);
  if (form === "safetensors")
    return [...companions(trained.model, headOf(trained.model)), safetensorsFile(trained)];
  const { onnx } = trained.model;
  return form === "onnx" && onnx ? ownOnnxFiles(trained, onnx) : writtenOnnxFiles(trained, form);
}

function adapterFiles({ model, step, trained }: TrainedModel | AdapterAlone): readonly NamedStream[] {
  const { source, lora } = trained;
  if (!lora)
    throw new UserError(
      `This run trains all weights, so step ${step} has no adapter to export. Export safetensors or ONNX.`,
    );
  const tensors = source.names!.map(
    (name) => [name, { shape: source.shape(name)!, values: () => source.read(name) }] as const,
  );
  return peftAdapterFiles({ lora, baseModelName: model.name, tensors: new Map(tensors), step });
}

const DTYPES = ["F32", "F16", "BF16"] as const;

/** A tensor's type in safetensors: the one it had in the base, or F16 where that was 4 bits. */
export function exportedType({ model }: TrainedModel, name: string): StreamedTensor["dtype"] {
  const type = model.weights.type?.(name);
  if (type === undefined || type === "F64") return "F32";
  return DTYPES.find((dtype) => dtype === type) ?? "F16";
}

/** By name, as transformers writes them: an untrained model gives the same file again. */
function safetensorsFile(trained: TrainedModel): NamedStream {
  const { weights } = trained;
  const tensors = weights.names.toSorted().map((name): StreamedTensor => ({
    name,
    dtype: exportedType(trained, name),
    shape: weights.shape(name)!,
    values: async () => finite(trained, name, await weights.read(name)),
    rows: async (row, rows) => finite(trained, name, await weights.readRows(name, row, rows), row),
  }));
  return { name: "model.safetensors", ...encodeSafetensors(tensors) };
}

/** The largest number that F16 holds. */
const MAX_HALF = 65504;

/** `values` of a tensor from its row `row` on. Throws UserError where its type in the file cannot hold one of them. */
function finite(trained: TrainedModel, name: string, values: Float32Array, row = 0): Float32Array {
  const most = exportedType(trained, name) === "F16" ? MAX_HALF : Number.MAX_VALUE;
  const at = values.findIndex((value) => !(Math.abs(value) <= most));
  if (at < 0) return values;
  const [, columns = 1] = trained.weights.shape(name)!;
  throw new UserError(
    `"${name}" holds ${values[at]} at element ${row * columns + at} after step ${trained.step}, which the file cannot hold: its training diverged. Export an earlier checkpoint.`,
  );
}

/** Files of ONNX models are found by transformers.js in this folder, under these names. */
const FOLDER = "onnx/";
const WRITTEN: Readonly<
  Record<Exclude<WeightForm, "adapter" | "safetensors">, readonly [string, WeightPrecision]>
> = {
  onnx: ["model.onnx", "float32"],
  "onnx-f16": ["model_fp16.onnx", "float16"],
  "onnx-q4": ["model_q4.onnx", "int4"],
};

/**
 * The person's own file with the trained weights in place of its own. Where genai_config.json names it, it stays beside that;
 * data files stay where the model names them.
 */
async function ownOnnxFiles(
  { model, weights }: TrainedModel,
  onnx: NonNullable<OpenedModel["onnx"]>,
): Promise<readonly NamedStream[]> {
  const others = companions(model, ownCache(model.json, onnx.description));
  const folder = others.some(({ name }) => name === "genai_config.json") ? "" : FOLDER;
  const isChanged = (name: string): boolean => weights.isChanged(name);
  const [graph, ...data] = await replaceWeights(onnx, weights, { isChanged });
  return [
    ...others,
    { name: `${folder}${baseName(graph!)}`, ...graph!.file },
    ...data.map(({ name, file }) => ({ name: `${folder}${name}`, ...file })),
  ];
}

function writtenOnnxFiles(trained: TrainedModel, form: keyof typeof WRITTEN): readonly NamedStream[] {
  const { model, weights } = trained;
  const [name, precision] = WRITTEN[form];
  const file: EncodedFile = encodeOnnxModel(model.config, weights, precision);
  const changes = { ...headOf(model), ...(precision === "float16" && halfCache(model.json)) };
  // The model's own description of an ONNX file is of another file than this one.
  const others = companions(model, changes).filter((companion) => companion.name !== "genai_config.json");
  return [...others, { name: `${FOLDER}${name}`, ...file }];
}

/** What config.json must say where an ONNX file had a head of its own against it. */
const headOf = ({ config, json }: OpenedModel): JsonObject =>
  !config.tied && json["tie_word_embeddings"] === true ? { tie_word_embeddings: false } : {};

/** transformers.js takes caches to be float32 where config.json does not say otherwise, and in this file they are halves. */
function halfCache(json: JsonObject): JsonObject {
  const own = transformersJs(json);
  const types = own["kv_cache_dtype"];
  const kv = { ...(isObject(types) && types), fp16: "float16" };
  return { "transformers.js_config": { ...own, kv_cache_dtype: kv } };
}

/** The same for a file of the person's: model builders make caches of halves, and say so only for their own runtime. */
function ownCache(json: JsonObject, { layout, computesInHalves }: OnnxDescription): JsonObject {
  const own = transformersJs(json);
  if (layout !== "model builder" || !computesInHalves || own["kv_cache_dtype"] !== undefined) return {};
  return { "transformers.js_config": { ...own, kv_cache_dtype: "float16" } };
}

const transformersJs = (json: JsonObject): JsonObject => {
  const section = json["transformers.js_config"];
  return isObject(section) ? section : {};
};

/** Configuration, tokenizer and what else stood beside the weights, as they were but for `changes` of config.json. */
function companions({ files, json }: OpenedModel, changes: JsonObject = {}): readonly NamedStream[] {
  const found = new Map(files.map((file) => [baseName(file), file]));
  const config = found.get("config.json");
  const isOwn = config && Object.keys(changes).length === 0;
  const text = (): Uint8Array =>
    new TextEncoder().encode(`${JSON.stringify({ ...json, ...changes }, null, 2)}\n`);
  return [
    isOwn ? copyOf("config.json", config) : streamOf("config.json", text()),
    ...COMPANIONS.flatMap((name) => {
      const file = found.get(name);
      return file ? [copyOf(name, file)] : [];
    }),
  ];
}
