// Real exporters' files of tiny decoders, where they are there.

import { existsSync, readFileSync } from "node:fs";

import { openOnnxModel } from "../../../src/formats/onnx/model.ts";
import { bytesSource } from "../../../src/formats/safetensors.ts";
import { parseDecoderConfig } from "../../../src/model/config.ts";
import type { OnnxDecoder } from "./decoders.ts";

const MODELS = "../shared/data/models";
export const hasExports = existsSync(MODELS);

/** An export such as "qwen2-tied/v0.15.2-webgpu-fp32". */
export async function openExport(path: string): Promise<OnnxDecoder> {
  const [model, name] = path.split("/") as [string, string];
  const json = JSON.parse(readFileSync(`${MODELS}/${model}/config.json`, "utf8")) as object;
  const config = parseDecoderConfig(json, "config.json");
  const external = (part: string) =>
    bytesSource(part, readFileSync(`${MODELS}/${model}/exports/${name}/${part}`));
  const files = { model: external("model.onnx"), external, config };
  return { config, files, weights: await openOnnxModel(files) };
}
