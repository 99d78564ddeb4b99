// Decoders as ONNX for the tests of rollouts, and policies on them that have been moved away from their files. This file
// needs no files of the machine, so that a browser can run it; exports.ts has the real exporters' ones.

import { SeededRandom } from "../../../src/common/random.ts";
import type { OnnxFiles } from "../../../src/formats/onnx/model.ts";
import { openOnnxModel } from "../../../src/formats/onnx/model.ts";
import type { OnnxWriteOptions } from "../../../src/formats/onnx/write.ts";
import { writeOnnxModel } from "../../../src/formats/onnx/write.ts";
import { bytesSource } from "../../../src/formats/safetensors.ts";
import type { Recorder } from "../../../src/gpu/index.ts";
import type { DecoderConfig } from "../../../src/model/config.ts";
import type { LoraTarget } from "../../../src/model/lora.ts";
import { LORA_TARGETS } from "../../../src/model/lora.ts";
import type { PolicyOptions } from "../../../src/model/memory.ts";
import type { ParameterSource } from "../../../src/model/parameters.ts";
import { readParameter, writeParameter } from "../../../src/model/parameters.ts";
import { Policy } from "../../../src/model/policy.ts";
import { parameterShapes } from "../../../src/model/weights.ts";

export interface OnnxDecoder {
  readonly config: DecoderConfig;
  readonly files: OnnxFiles;
  readonly weights: ParameterSource;
}

/** A decoder of two layers. */
export const CONFIG: DecoderConfig = {
  family: "qwen2",
  layers: 2,
  hidden: 64,
  heads: 4,
  kvHeads: 2,
  headSize: 16,
  intermediate: 96,
  vocab: 259,
  maxPositions: 128,
  ropeTheta: 1e4,
  rmsEps: 1e-6,
  tied: true,
  eosTokenIds: [2],
};

/** A drawn decoder, written and read back: what training and ONNX Runtime have are the same numbers. */
export async function writtenDecoder(
  precision: NonNullable<OnnxWriteOptions["precision"]>,
  changes: Partial<DecoderConfig> = {},
): Promise<OnnxDecoder> {
  const config = { ...CONFIG, ...changes };
  const shapes = parameterShapes(config);
  const random = new SeededRandom(7);
  const drawn = new Map(
    [...shapes].map(([name, shape]) => {
      const isNorm = name.includes("norm");
      const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
      return [name, values.map(() => (isNorm ? 1 : 0) + (isNorm ? 0.1 : 0.2) * random.normal())];
    }),
  );
  const source = {
    name: "drawn",
    names: [...shapes.keys()],
    shape: (name: string) => shapes.get(name),
    read: (name: string) => Promise.resolve(drawn.get(name)!),
  };
  const model = bytesSource("model.onnx", await writeOnnxModel(config, source, { precision }));
  const files = { model, config };
  return { config, files, weights: await openOnnxModel(files) };
}

/** Fewer rows than responses, so that batches are put together anew. */
export const SIZES = { rows: 3, promptSlots: 4, maxPrompt: 24, maxNew: 6 };

/** What is trained: every weight, or an adapter on these modules. */
export type Trained = "all" | readonly LoraTarget[];

export const policyOn = (
  recorder: Recorder,
  { config, weights }: OnnxDecoder,
  trained: Trained = LORA_TARGETS,
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

/** Moves every trained parameter as an update would, but far. */
export async function move(policy: Policy, seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const by = policy.memory.adapter ? 0.1 : 0.02;
  for (const parameter of policy.trainable) {
    const values = await readParameter(policy.recorder, parameter);
    const moved = Float32Array.from(values, (value) => value + by * random.normal());
    writeParameter(policy.recorder, parameter, "value", moved);
  }
}
