// Real exporters' files of tiny decoders, where they are there.

import { existsSync } from "node:fs";

import { openExport as openModelOf } from "../../model/open-export.ts";
import type { OnnxDecoder } from "./decoders.ts";

const MODELS = "../shared/data/models";
export const hasExports = existsSync(MODELS);

/** An export such as "qwen2-tied/v0.15.2-webgpu-fp32". */
export async function openExport(path: string): Promise<OnnxDecoder> {
  const [model, name] = path.split("/") as [string, string];
  const { config, onnx, weights } = await openModelOf(
    `${MODELS}/${model}`,
    `${MODELS}/${model}/exports/${name}`,
  );
  return { config, files: onnx!, weights };
}
