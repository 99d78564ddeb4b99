// Opens what a real exporter wrote as the page does, with the configuration of its family and a tokenizer of 256 bytes.

import { readdirSync, readFileSync } from "node:fs";

import type { ByteSource } from "../../src/formats/safetensors.ts";
import { bytesSource } from "../../src/formats/safetensors.ts";
import type { OpenedModel } from "../../src/model/open-model.ts";
import { openModel } from "../../src/model/open-model.ts";
import { sourceOf } from "../formats/fixtures.ts";
import { BYTE_LEVEL } from "../formats/tiny-tokenizers.ts";

const file = (path: string): ByteSource => bytesSource(path.split("/").at(-1)!, readFileSync(path));

/** The files that make a model of the export in `folder`, whose config.json lies in `family`. */
export function exportFiles(family: string, folder: string): ByteSource[] {
  const names = readdirSync(folder).filter((name) => /\.(onnx|data|onnx_data)$/.test(name));
  return [
    file(`${family}/config.json`),
    sourceOf("tokenizer.json", { ...BYTE_LEVEL, added_tokens: [] }),
    sourceOf("chat_template.jinja", "{{ messages[0].content }}"),
    ...names.map((name) => file(`${folder}/${name}`)),
  ];
}

export const openExport = (family: string, folder: string): Promise<OpenedModel> =>
  openModel(exportFiles(family, folder));
