// Decoders as ONNX that the tests of rollouts share: one that our own writer made, and real exports where they are there;
// with a policy on them whose adapter is not zero.

import { existsSync, readFileSync } from "node:fs";

import { SeededRandom } from "../../../src/common/random.ts";
import type { OnnxFiles } from "../../../src/formats/onnx/model.ts";
import { openOnnxModel } from "../../../src/formats/onnx/model.ts";
import { bytesSource } from "../../../src/formats/safetensors.ts";
import type { Recorder } from "../../../src/gpu/index.ts";
import type { DecoderConfig } from "../../../src/model/config.ts";
import { parseDecoderConfig } from "../../../src/model/config.ts";
import type { LoraTarget } from "../../../src/model/lora.ts";
import { LORA_TARGETS } from "../../../src/model/lora.ts";
import type { PolicyOptions } from "../../../src/model/memory.ts";
import type { ParameterSource } from "../../../src/model/parameters.ts";
import { readParameter, writeParameter } from "../../../src/model/parameters.ts";
import { Policy } from "../../../src/model/policy.ts";

const MODELS = "../shared/data/models";
export const hasExports = existsSync(MODELS);

export interface OnnxDecoder {
  readonly config: DecoderConfig;
  readonly files: OnnxFiles;
  readonly weights: ParameterSource;
}

/** An export such as "qwen2-tied/v0.15.2-webgpu-fp32". */
export async function openExport(path: string): Promise<OnnxDecoder> {
  const [model, name] = path.split("/") as [string, string];
  const config = parseDecoderConfig(
    JSON.parse(readFileSync(`${MODELS}/${model}/config.json`, "utf8")) as object,
    "config.json",
  );
  const file = (part: string) =>
    bytesSource(part, readFileSync(`${MODELS}/${model}/exports/${name}/${part}`));
  const files = { model: file("model.onnx"), external: file, config };
  return { config, files, weights: await openOnnxModel(files) };
}

export const SIZES = { rows: 5, promptSlots: 4, maxPrompt: 24, maxNew: 10 };

export const policyOn = (
  recorder: Recorder,
  { config, weights }: OnnxDecoder,
  trained: "all" | readonly LoraTarget[] = LORA_TARGETS,
  baseType: PolicyOptions["baseType"] = "f32",
): Promise<Policy> =>
  Policy.create(
    recorder,
    config,
    {
      ...(trained !== "all" && { lora: { rank: 3, alpha: 6, seed: 3, targets: trained } }),
      baseType,
      blockType: (name) => weights.blockType?.(name),
      tokenBudget: 64,
      activationCheckpointing: true,
      headChunk: 4096,
      rollout: SIZES,
    },
    weights,
  );

/** Moves every trained parameter, as an update would, but far. */
export async function move(policy: Policy, seed: number, by = 0.1): Promise<void> {
  const random = new SeededRandom(seed);
  for (const parameter of policy.trainable) {
    const values = await readParameter(policy.recorder, parameter);
    writeParameter(
      policy.recorder,
      parameter,
      "value",
      Float32Array.from(values, (value) => value + by * random.normal()),
    );
  }
}
