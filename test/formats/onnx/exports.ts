// The files that real exporters made, and the models that they were made from, for the tests of whatever reads or changes
// them. Those of `shared/data`, which not everybody has, are left out where they are not.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { OnnxFiles } from "../../../src/formats/onnx/model.ts";
import { openOnnxModel } from "../../../src/formats/onnx/model.ts";
import type { ByteSource, SafetensorsFile } from "../../../src/formats/safetensors.ts";
import { bytesSource, openSafetensors } from "../../../src/formats/safetensors.ts";
import { sharedPath } from "../fixtures.ts";
import { shapeOf } from "./decoders.ts";

export const FIXTURES = fileURLToPath(new URL("../../fixtures", import.meta.url));

export interface Family {
  readonly name: string;
  /** Of config.json, model.safetensors, golden.safetensors and adapter/. */
  readonly folder: string;
  /** Of a folder per export. */
  readonly exports: string;
  /** Names of those folders. */
  readonly entries: readonly string[];
}

const family = (name: string, folder: string, exports: string): Family => ({
  name,
  folder,
  exports,
  entries: existsSync(exports) ? readdirSync(exports).filter((entry) => !entry.endsWith(".md")) : [],
});

export const FAMILIES: readonly Family[] = [
  family("the fixtures", `${FIXTURES}/qwen2-tied`, `${FIXTURES}/onnx`),
  ...["qwen2-tied", "qwen3-tied", "llama-tied"].map((name) => {
    const folder = sharedPath(`models/${name}`);
    return family(`../shared/data/models/${name}`, folder, `${folder}/exports`);
  }),
];

/** A source over a file that is read now. */
export const file = (path: string): ByteSource => bytesSource(path.split("/").at(-1)!, readFileSync(path));

export const safetensors = (path: string): Promise<SafetensorsFile> => openSafetensors(file(path));

/** What the ONNX reader takes of an export. */
export const exportFiles = (
  { folder, exports }: Pick<Family, "folder" | "exports">,
  entry: string,
): OnnxFiles & { external: NonNullable<OnnxFiles["external"]> } => ({
  model: file(`${exports}/${entry}/model.onnx`),
  external: (name) =>
    existsSync(`${exports}/${entry}/${name}`) ? file(`${exports}/${entry}/${name}`) : undefined,
  config: shapeOf(JSON.parse(readFileSync(`${folder}/config.json`, "utf8")) as object),
});

/** As `exportFiles`; a head that was quantised apart from its embedding is one of its own, as for whoever opens a model. */
export async function trainedFiles(
  family: Pick<Family, "folder" | "exports">,
  entry: string,
): Promise<ReturnType<typeof exportFiles>> {
  const files = exportFiles(family, entry);
  const { head, weightType } = (await openOnnxModel(files)).description;
  const isApart = head === "copy" && weightType === "Q4";
  return isApart ? { ...files, config: { ...files.config, tied: false } } : files;
}
