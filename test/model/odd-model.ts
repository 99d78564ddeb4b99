// A model of odd sizes with drawn weights and a few prompts with responses, for tests that need no files.

import { SeededRandom } from "../../src/common/random.ts";
import type { DecoderConfig } from "../../src/model/config.ts";
import type { PolicyOptions } from "../../src/model/memory.ts";
import type { ParameterSource } from "../../src/model/parameters.ts";
import { parameterShapes } from "../../src/model/weights.ts";

/** Nothing is a multiple of a tile, and little of four. */
export const ODD_CONFIG: DecoderConfig = {
  family: "qwen2",
  layers: 2,
  hidden: 22,
  heads: 3,
  kvHeads: 1,
  headSize: 20,
  intermediate: 26,
  vocab: 37,
  maxPositions: 64,
  ropeTheta: 1e4,
  rmsEps: 1e-6,
  tied: false,
  eosTokenIds: [],
};
export const ODD_OPTIONS: PolicyOptions = {
  baseType: "f32",
  tokenBudget: 64,
  activationCheckpointing: false,
  headChunk: 100,
};
export const ODD_GROUPS = [
  { prompt: [3, 1, 4], responses: [[1, 5, 9, 2], [6], [5, 3, 5]] },
  { prompt: [36], responses: [[8, 9, 7]] },
];
export const ADAMW = {
  lr: 0.05,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0,
  decay: "all",
  maxNorm: 1,
} as const;

/** Weights that a policy of `config` asks for, drawn by name, plus `step` times a direction that is drawn as well. */
export function drawnWeights(
  step = 0,
  config = ODD_CONFIG,
): ParameterSource & { direction(name: string, count: number): Float32Array } {
  const draw = (name: string, count: number, stream: number): Float32Array => {
    const random = new SeededRandom(
      Array.from(name, (c) => c.charCodeAt(0)).reduce((a, c) => (a * 31 + c) % 2 ** 31, 7),
      stream,
    );
    return Float32Array.from({ length: count }, () => random.normal());
  };
  const shapes = parameterShapes(config);
  const direction = (name: string, count: number): Float32Array => draw(name, count, 2).map((d) => 0.1 * d);
  return {
    name: "drawn weights",
    shape: (name) => shapes.get(name),
    read: async (name) => {
      const count = shapes.get(name)!.reduce((a, b) => a * b, 1);
      const mean = name.includes("norm") ? 1 : 0;
      const towards = direction(name, count);
      return draw(name, count, 1).map((value, i) => mean + 0.25 * value + step * towards[i]!);
    },
    direction,
  };
}
