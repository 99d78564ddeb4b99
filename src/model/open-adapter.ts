// An adapter to go on from, out of PEFT's two files. PEFT itself only warns when a tensor is missing, misnamed or transposed, or
// when a module has none, and then computes with a random or zero adapter; here each of these is refused by name.
// Source: https://huggingface.co/docs/peft/developer_guides/checkpoint (file format).

import { baseName } from "../common/base-name.ts";
import { UserError } from "../common/errors.ts";
import { nearest } from "../common/nearest.ts";
import { readJsonObject } from "../formats/json.ts";
import { STEP_ENTRY } from "../formats/peft.ts";
import type { ByteSource, SafetensorsFile } from "../formats/safetensors.ts";
import { openSafetensors } from "../formats/safetensors.ts";
import type { DecoderConfig } from "./config.ts";
import { findFile, givenNames } from "./find-file.ts";
import type { LoraConfig } from "./lora.ts";
import { adapterShapes, checkLora, LORA_TARGETS, parsePeftConfig } from "./lora.ts";
import type { ParameterSource } from "./parameters.ts";
import { checkFinite } from "./parameters.ts";
import { parameterSource } from "./shards.ts";

/** An adapter that fits its model. */
export interface OpenedAdapter {
  readonly lora: Omit<LoraConfig, "seed">;
  /** Under PEFT's names. */
  readonly weights: ParameterSource;
  /** Types of its tensors: "F32". */
  readonly types: readonly string[];
  /** Step of the run that it was taken from, where the file says so. */
  readonly step?: number;
  /** A sentence for each thing to know that is no error. */
  readonly notices: readonly string[];
  /** The two files. */
  readonly files: readonly ByteSource[];
}

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
/** A longer name is no slip of one of PEFT's. */
const LONGEST_NAME = 200;
const READ_TYPES = ["F32", "F16", "BF16"];
const SILENT =
  "PEFT would load it with a warning and compute with a random or zero adapter there. Save the adapter again, or take the files of one folder.";

/** Whether a file is one of an adapter's, by its name. */
export const isAdapterFile = ({ name }: Pick<ByteSource, "name">): boolean =>
  /(^|\/)adapter_(config\.json|model\.(safetensors|bin))$/.test(name);

/**
 * Opens the adapter among `files` for the model called `modelName`. Throws UserError naming the file, field or tensor that is
 * missing or does not fit.
 */
export async function openAdapter(
  files: readonly ByteSource[],
  config: DecoderConfig,
  modelName: string,
): Promise<OpenedAdapter> {
  const configFile = need(files, CONFIG, "which tells its rank and modules");
  const weightsFile = need(files, WEIGHTS, "which holds its weights");
  const json = await readJsonObject(configFile);
  const parsed = parsePeftConfig(json, configFile.name);
  checkLora({ ...parsed, seed: 0 });
  const lora = { ...parsed, targets: LORA_TARGETS.filter((target) => parsed.targets.includes(target)) };
  const file = await openSafetensors(weightsFile);
  checkTensors(file, config, lora);
  const step = Number(file.metadata[STEP_ENTRY]);
  return {
    lora,
    weights: parameterSource(file),
    types: await typesOf(file),
    ...(Number.isSafeInteger(step) && step >= 0 && { step }),
    notices: noticesOf(json, modelName),
    files: [configFile, weightsFile],
  };
}

/** The file of this name. Throws UserError when there is none, or two adapters have one each. */
function need(files: readonly ByteSource[], name: string, why: string): ByteSource {
  const file = findFile(files, name, "adapters");
  if (file) return file;
  const given = givenNames(files);
  const pickle = files.some((one) => baseName(one) === "adapter_model.bin")
    ? " A .bin file is a pickle, which is not read here: save the adapter with safe_serialization=True."
    : "";
  throw new UserError(
    `The adapter has no ${name}, ${why} (files given: ${given}).${pickle} Drop ${CONFIG} and ${WEIGHTS} together.`,
  );
}

/** Reads every tensor once, so that a value that is no number is told now and not when training begins. */
async function typesOf(file: SafetensorsFile): Promise<string[]> {
  for (const [name, { dtype }] of file.entries) {
    if (!READ_TYPES.includes(dtype))
      throw new UserError(
        `Tensor "${name}" in ${file.name} has type ${dtype}: ${READ_TYPES.join(", ")} are read. Save the adapter in one of them.`,
      );
    checkFinite(name, await file.readF32(name), file.name);
  }
  return [...new Set([...file.entries.values()].map(({ dtype }) => dtype))];
}

/** Throws UserError naming a tensor that is missing, transposed, of another rank or size, or too many. */
function checkTensors(file: SafetensorsFile, config: DecoderConfig, lora: OpenedAdapter["lora"]): void {
  const expected = adapterShapes(config, { ...lora, seed: 0 });
  const strangers = [...file.entries.keys()].filter((name) => !expected.has(name));
  const missing = [...expected.keys()].filter((name) => !file.has(name));
  if (strangers[0] !== undefined) throw strange(file.name, strangers[0], missing, config, lora);
  if (missing[0] !== undefined) throw absent(file, missing, lora);
  for (const [name, shape] of expected) checkShape(file, name, shape, lora.rank);
}

const PEFT_NAME = /^base_model\.model\.model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)\.lora_[AB]\.weight$/;

/** What is wrong with a tensor that the configuration does not ask for. */
function strange(
  file: string,
  name: string,
  missing: readonly string[],
  { layers }: DecoderConfig,
  { targets }: OpenedAdapter["lora"],
): UserError {
  const [, layer, module = ""] = PEFT_NAME.exec(name) ?? [];
  if (layer !== undefined && Number(layer) >= layers)
    return new UserError(
      `${file} has "${name}", and the model has ${layers} layers: it is an adapter of another model.`,
    );
  const isTarget = (LORA_TARGETS as readonly string[]).includes(module);
  if (isTarget && !(targets as readonly string[]).includes(module))
    return new UserError(
      `${file} has "${name}", and target_modules in ${CONFIG} names only ${targets.join(", ")}: the two files do not belong together. PEFT would leave the tensor out with a warning.`,
    );
  const meant = (name.length <= LONGEST_NAME ? nearest(name, missing) : undefined) ?? missing[0];
  const wanted = meant === undefined ? "" : ` and no "${meant}"`;
  return new UserError(`${file} has "${name}"${wanted}, and PEFT's names are others. ${SILENT}`);
}

/** What is wrong where tensors that the configuration asks for are not there. */
function absent(
  file: SafetensorsFile,
  missing: readonly string[],
  { targets }: OpenedAdapter["lora"],
): UserError {
  const modulesOf = (names: readonly string[]): Set<string> =>
    new Set(names.map((name) => name.split(".").at(-3)!));
  const there = modulesOf([...file.entries.keys()]);
  const extra = targets.find((target) => !there.has(target));
  const why =
    extra === undefined
      ? `${file.name} has no tensor "${missing[0]}" (${missing.length} missing).`
      : `target_modules in ${CONFIG} names ${extra}, and ${file.name} has no tensor of it, such as "${missing.find((name) => name.includes(`.${extra}.`))}".`;
  return new UserError(`${why} ${SILENT}`);
}

function checkShape(file: SafetensorsFile, name: string, shape: readonly number[], rank: number): void {
  const found = file.entry(name).shape;
  const isSame = (other: readonly number[]): boolean =>
    found.length === other.length && found.every((size, i) => size === other[i]);
  if (isSame(shape)) return;
  const at = name.includes(".lora_A.") ? 0 : 1;
  const tensor = `Tensor "${name}" in ${file.name} is [${found}]`;
  if (isSame(shape.toReversed()))
    throw new UserError(`${tensor}, and [${shape}] is needed: it is transposed. ${SILENT}`);
  if (found.length === 2 && found[1 - at] === shape[1 - at])
    throw new UserError(
      `${tensor}, so its rank is ${found[at]}, and ${CONFIG} says r is ${rank}: the two files do not belong together. Take both from one folder.`,
    );
  throw new UserError(`${tensor}, and this model asks for [${shape}]: it is an adapter of another model.`);
}

/** Another base, and what is not done in training on. */
function noticesOf(json: Readonly<Record<string, unknown>>, modelName: string): string[] {
  const { base_model_name_or_path: base, lora_dropout: dropout } = json;
  const last = (name: string): string =>
    name
      .split(/[\\/]/)
      .findLast((part) => part !== "")
      ?.toLowerCase() ?? "";
  const isOther = typeof base === "string" && base !== "" && last(base) !== last(modelName);
  return [
    ...(isOther
      ? [
          `Its ${CONFIG} names the base model ${base}, and the model here is called ${modelName}: it computes what it should only over the weights that it was trained on.`,
        ]
      : []),
    ...(typeof dropout === "number" && dropout > 0
      ? [`It was trained with lora_dropout ${dropout}; here no dropout is applied.`]
      : []),
  ];
}
