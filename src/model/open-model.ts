// A model out of the files that people have: config.json, tokenizer.json, and weights as safetensors or ONNX. Finds them by
// name, refuses with what is missing, and reads no weight before somebody asks for it.

import { baseName } from "../common/base-name.ts";
import { UserError } from "../common/errors.ts";
import type { ChatTemplate } from "../formats/chat-template.ts";
import { chatTemplateOf } from "../formats/chat-template.ts";
import type { JsonObject } from "../formats/json.ts";
import { decodeText, readJsonObject } from "../formats/json.ts";
import type { OnnxDescription, OnnxFiles } from "../formats/onnx/model.ts";
import { openOnnxModel } from "../formats/onnx/model.ts";
import type { ByteSource } from "../formats/safetensors.ts";
import { bytesSource } from "../formats/safetensors.ts";
import type { Tokenizer } from "../formats/tokenizer.ts";
import { openTokenizer } from "../formats/tokenizer.ts";
import type { DecoderConfig } from "./config.ts";
import { parseDecoderConfig } from "./config.ts";
import { derivedConfig } from "./missing-config.ts";
import type { OpenedAdapter } from "./open-adapter.ts";
import { findFile, givenNames } from "./find-file.ts";
import type { ParameterSource } from "./parameters.ts";
import { checkShapes } from "./parameters.ts";
import { isSafetensorsPart, openSafetensorsWeights } from "./shards.ts";
import { parameterShapes } from "./weights.ts";

/** The files of an ONNX model, with what was recognised in them. */
export interface OpenedOnnx extends OnnxFiles {
  readonly description: OnnxDescription;
}

/** A model that can be trained; weights are read on demand. */
export interface OpenedModel {
  readonly name: string;
  /** As config.json says, but for a head that an ONNX file has apart from its embedding. */
  readonly config: DecoderConfig;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  readonly weights: ParameterSource;
  /** The ONNX files behind the weights; undefined for safetensors. */
  readonly onnx?: OpenedOnnx;
  /** What the weights are read from, for a person: "ONNX, model builder, F32". */
  readonly source: string;
  /** The files that were used, and those that tools want beside weights; a copy of them opens the same model. */
  readonly files: readonly ByteSource[];
  /** What a run with this model goes on from; absent: it begins with the model alone. */
  readonly adapter?: OpenedAdapter;
  /** config.json as it was. */
  readonly json: JsonObject;
}

/** Files beside the weights and config.json, for this engine or for other tools; an export has them again. */
export const COMPANIONS = [
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
  "generation_config.json",
  "genai_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
] as const;

/** What everything else about a model is looked up in. */
class Folder {
  readonly files: readonly ByteSource[];
  readonly used = new Set<ByteSource>();

  constructor(files: readonly ByteSource[]) {
    this.files = files;
  }

  /** The file of this name, wherever it lay; of several the highest. Throws UserError when two folders have one each. */
  find(name: string): ByteSource | undefined {
    const file = findFile(this.files, name, "models");
    if (file) this.used.add(file);
    return file;
  }

  /** Files that `isWanted`: those that lie where config.json does, or all when there are none. */
  beside(isWanted: (file: ByteSource) => boolean): ByteSource[] {
    const config = this.find("config.json");
    const place = config && folderOf(config);
    const all = this.files.filter(isWanted);
    const here = all.filter((file) => folderOf(file) === place);
    return here.length > 0 ? here : all;
  }

  need(name: string, why: string): ByteSource {
    const file = this.find(name);
    if (file) return file;
    const given = givenNames(this.files);
    throw new UserError(
      `The model has no ${name}, ${why} (files given: ${given}). Drop it together with the others; every model's page has it.`,
    );
  }

  ending(ending: string): ByteSource[] {
    return this.files.filter((file) => file.name.toLowerCase().endsWith(ending));
  }
}

const folderOf = ({ name }: ByteSource): string => name.split("/").slice(0, -1).join("/");

/** Opens a model from its files, in any order and with others among them. Throws UserError naming what is missing or wrong. */
export async function openModel(files: readonly ByteSource[], name?: string): Promise<OpenedModel> {
  const folder = new Folder(files);
  const configFile = folder.find("config.json");
  const json = configFile ? await readJsonObject(configFile) : await configWithout(folder);
  const said = parseDecoderConfig(json, configFile?.name ?? "What the files tell without a config.json");
  const tokenizerFile = folder.need("tokenizer.json", "without which its texts cannot be read");
  const tokenizerConfigFile = folder.find("tokenizer_config.json");
  const tokenizerConfig = tokenizerConfigFile ? await readJsonObject(tokenizerConfigFile) : {};
  const tokenizer = await openTokenizer(tokenizerFile, tokenizerConfig);
  checkVocabulary(tokenizer, said, tokenizerFile.name);
  const template = chatTemplateOf(tokenizerConfig, await textOf(folder.find("chat_template.jinja")));
  const { config, weights, source, onnx } = await openWeights(folder, said);
  for (const companion of COMPANIONS) folder.find(companion);
  checkShapes(
    [...parameterShapes(config)].map(([parameter, shape]) => ({ name: parameter, shape })),
    weights,
  );
  return {
    name: name ?? nameOf(json, files),
    config,
    tokenizer,
    template,
    weights,
    ...(onnx && { onnx }),
    source,
    files: [
      ...files.filter((file) => folder.used.has(file)),
      ...(configFile ? [] : [bytesSource("config.json", new TextEncoder().encode(JSON.stringify(json)))]),
    ],
    json,
  };
}

async function textOf(file: ByteSource | undefined): Promise<string | undefined> {
  return file && decodeText(await file.read(0, file.size)).text;
}

/** A token that the embedding does not have would stop a run in its middle. */
function checkVocabulary({ vocabSize }: Tokenizer, { vocab }: DecoderConfig, file: string): void {
  if (vocabSize <= vocab) return;
  throw new UserError(
    `${file} has ${vocabSize} tokens and config.json says vocab_size ${vocab}: they are of different models. Take all files from one model's page.`,
  );
}

/** The folder it lay in, what its configuration calls itself, or "model". */
function nameOf(json: JsonObject, files: readonly ByteSource[]): string {
  const folder = files.map(({ name }) => name.split("/")).find((parts) => parts.length > 1)?.[0];
  const own = json["_name_or_path"];
  return folder ?? (typeof own === "string" && own !== "" ? own : "model");
}

export interface OpenedWeights {
  readonly config: DecoderConfig;
  readonly weights: ParameterSource;
  readonly onnx?: OpenedOnnx;
  readonly source: string;
}

async function openWeights(folder: Folder, config: DecoderConfig): Promise<OpenedWeights> {
  const parts = folder.beside(isSafetensorsPart);
  if (parts.length > 0) {
    const { weights, types, files } = await openSafetensorsWeights(parts);
    files.forEach((file) => folder.used.add(file));
    return { config, weights, source: `safetensors, ${types.join(" and ")}` };
  }
  const model = onnxFile(folder);
  folder.used.add(model);
  return openOnnx({ model, external: dataFiles(folder), config });
}

/** The one ONNX file. Throws UserError when there is none, or several and none is called model.onnx. */
function onnxFile(folder: Folder): ByteSource {
  const onnx = folder.ending(".onnx");
  const model = onnx.find((file) => baseName(file) === "model.onnx") ?? onnx[0];
  if (!model) {
    throw new UserError(
      `The model has no weights: neither a .onnx nor a .safetensors file is among ${givenNames(folder.files)}. Drop model.onnx (with its data file, if it has one) or model.safetensors as well.`,
    );
  }
  if (onnx.length > 1 && baseName(model) !== "model.onnx") {
    throw new UserError(
      `There are ${onnx.length} ONNX files (${onnx.map(baseName).join(", ")}), and one model is trained at a time: drop just one of them.`,
    );
  }
  return model;
}

/**
 * Opens an ONNX model. A tied one whose head was quantised apart from its embedding holds two matrices with different numbers, and
 * what it computes is both of them: its head is its own here.
 */
export async function openOnnx(
  files: OnnxFiles & { readonly config: DecoderConfig },
): Promise<OpenedWeights & { readonly onnx: OpenedOnnx }> {
  const weights = await openOnnxModel(files);
  const { description } = weights;
  const { head, layout, weightType, isAdapterMerged } = description;
  if (head === "copy" && weightType === "Q4")
    return openOnnx({ ...files, config: { ...files.config, tied: false } });
  const adapter = isAdapterMerged ? ", adapter merged" : "";
  const source = `ONNX, ${layout}, ${weightType}${adapter}`;
  return { config: files.config, weights, onnx: { ...files, description }, source };
}

const dataFiles =
  (folder: Folder) =>
  (name: string): ByteSource | undefined =>
    folder.find(baseName({ name }));

/** The configuration of a model that came without; only a graph tells one. */
async function configWithout(folder: Folder): Promise<JsonObject> {
  if (folder.ending(".onnx").length === 0) folder.need("config.json", "which tells its layers and sizes");
  return derivedConfig({
    model: onnxFile(folder),
    external: dataFiles(folder),
    find: (name) => folder.find(name),
  });
}
