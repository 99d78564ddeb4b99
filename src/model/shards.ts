// Weights as safetensors: one file, or the parts of one with or without the index that says which tensor lies in which.
// Refuses parts that are missing or of another model; reads no tensor before somebody asks for it.

import { baseName } from "../common/base-name.ts";
import { UserError } from "../common/errors.ts";
import type { JsonObject } from "../formats/json.ts";
import { isObject, nameOf, readJsonObject } from "../formats/json.ts";
import type { ByteSource, SafetensorsFile } from "../formats/safetensors.ts";
import { openSafetensors } from "../formats/safetensors.ts";
import type { ParameterSource } from "./parameters.ts";

export interface SafetensorsWeights {
  readonly weights: ParameterSource;
  /** Types of the tensors: "F32", "BF16". */
  readonly types: readonly string[];
  readonly files: readonly ByteSource[];
}

const ONE_MODEL = "Drop the files of one model, all from the same page.";
const INDEX = /\.safetensors\.index\.json$/;
const PART = /^(.*)-(\d+)-of-(\d+)\.safetensors$/;

const listed = (names: readonly string[]): string =>
  names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");

/** Whether a file takes part in safetensors weights: one of them, or their index. An adapter's file does not. */
export const isSafetensorsPart = (file: ByteSource): boolean =>
  !baseName(file).startsWith("adapter_") && /\.safetensors(\.index\.json)?$/.test(baseName(file));

/** Parameters straight from one file. */
export const parameterSource = (file: SafetensorsFile): ParameterSource => ({
  name: file.name,
  names: [...file.entries.keys()],
  shape: (name) => file.entries.get(name)?.shape,
  read: (name) => file.readF32(name),
});

/**
 * Opens the weights that `files` hold, each of which `isSafetensorsPart`. Throws UserError naming the part that is missing,
 * a tensor that is there twice, or the file that belongs to another model.
 */
export async function openSafetensorsWeights(files: readonly ByteSource[]): Promise<SafetensorsWeights> {
  const indexes = files.filter((file) => INDEX.test(file.name));
  const parts = files.filter((file) => !INDEX.test(file.name));
  refuseNamesakes(files);
  if (indexes.length > 1)
    throw new UserError(
      `There are ${indexes.length} lists of weights (${listed(indexes.map(({ name }) => name))}), so files of several models are mixed. ${ONE_MODEL}`,
    );
  const [index] = indexes;
  const map = index && weightMap(index.name, await readJsonObject(index));
  if (index && map) checkIndexed(index.name, map, parts);
  else checkParts(parts);
  const opened = await Promise.all(parts.map(openSafetensors));
  const home = homes(opened);
  if (index && map) checkPlaces(index.name, map, home);
  const types = new Set(opened.flatMap((file) => [...file.entries.values()].map(({ dtype }) => dtype)));
  const [first] = parts;
  return {
    types: [...types],
    files,
    weights: {
      name: parts.length === 1 ? first!.name : `${first!.name} and ${parts.length - 1} more`,
      names: [...home.keys()],
      shape: (tensor) => home.get(tensor)?.entry(tensor).shape,
      read: (tensor) => home.get(tensor)!.readF32(tensor),
      type: (tensor) => home.get(tensor)?.entry(tensor).dtype,
      readRows: (tensor, row, rows) => home.get(tensor)!.readF32(tensor, row, rows),
    },
  };
}

function refuseNamesakes(files: readonly ByteSource[]): void {
  for (const [i, file] of files.entries()) {
    const other = files.slice(i + 1).find((candidate) => baseName(candidate) === baseName(file));
    if (!other) continue;
    throw new UserError(
      `There are two files called ${baseName(file)} (${file.name} and ${other.name}), so files of two models are mixed. ${ONE_MODEL}`,
    );
  }
}

/** Which file each tensor lies in. */
function weightMap(file: string, json: JsonObject): ReadonlyMap<string, string> {
  const map = json["weight_map"];
  const entries = isObject(map) ? Object.entries(map) : [];
  if (entries.length > 0 && entries.every(([, part]) => typeof part === "string"))
    return new Map(entries as [string, string][]);
  throw new UserError(
    `${file} does not say which tensor lies in which file: its weight_map is ${nameOf(map)}. Take it from the model's page again.`,
  );
}

/** The index names exactly the files that are there. */
function checkIndexed(index: string, map: ReadonlyMap<string, string>, parts: readonly ByteSource[]): void {
  const wanted = [...new Set(map.values())].sort();
  const given = new Set(parts.map(baseName));
  const missing = wanted.filter((name) => !given.has(name));
  if (missing.length > 0) {
    throw new UserError(
      `${index} says that weights lie in ${listed(missing)}, which ${missing.length === 1 ? "is" : "are"} not among the files: the model would be incomplete. Drop ${missing.length === 1 ? "it" : "them"} together with the others.`,
    );
  }
  const stranger = parts.find((file) => !wanted.includes(baseName(file)));
  if (!stranger) return;
  throw new UserError(
    `${stranger.name} is not one of the files that ${index} names (${listed(wanted)}), so it belongs to another model or is a copy. Leave it out, or drop the files of its own model.`,
  );
}

/** Without an index: one file, or all parts of one by their names. */
function checkParts(parts: readonly ByteSource[]): void {
  const named = parts.map((file) => PART.exec(baseName(file)));
  const [first] = named;
  if (parts.length === 1 && !first) return;
  const whole = parts.find((_, i) => named[i]?.[1] !== first?.[1] || named[i]?.[3] !== first?.[3]);
  if (!first || whole) {
    throw new UserError(
      `${listed(parts.map(({ name }) => name))} are not the parts of one model: such parts are called model-00001-of-00002.safetensors and so on. ${ONE_MODEL}`,
    );
  }
  const [, prefix, , total = ""] = first;
  const numbers = new Set(named.map((match) => Number(match![2])));
  const missing = Array.from({ length: Number(total) }, (_, i) => i + 1)
    .filter((number) => !numbers.has(number))
    .map((number) => `${prefix}-${String(number).padStart(total.length, "0")}-of-${total}.safetensors`);
  if (missing.length === 0) return;
  throw new UserError(
    `The weights lie in ${Number(total)} files, and ${listed(missing)} ${missing.length === 1 ? "is" : "are"} missing: the model would be incomplete. Drop ${missing.length === 1 ? "it" : "them"} together with the others.`,
  );
}

/** The file of each tensor. */
function homes(files: readonly SafetensorsFile[]): Map<string, SafetensorsFile> {
  const home = new Map<string, SafetensorsFile>();
  for (const file of files) {
    for (const tensor of file.entries.keys()) {
      const other = home.get(tensor);
      if (other)
        throw new UserError(
          `Tensor "${tensor}" is in ${other.name} and in ${file.name}, so these are not parts of one model. ${ONE_MODEL}`,
        );
      home.set(tensor, file);
    }
  }
  return home;
}

function checkPlaces(
  index: string,
  map: ReadonlyMap<string, string>,
  home: ReadonlyMap<string, SafetensorsFile>,
): void {
  for (const [tensor, part] of map) {
    const file = home.get(tensor);
    if (file && baseName(file) === part) continue;
    throw new UserError(
      `${index} says that tensor "${tensor}" lies in ${part}, and ${file ? `it lies in ${file.name}` : "no file holds it"}: the list and the weights are of different models. ${ONE_MODEL}`,
    );
  }
}
