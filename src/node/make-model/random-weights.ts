// Weights that nobody has trained: of a fresh model's spread, the same for the same seed, and cheap, because half a billion
// draws from a real generator would take longer than what they are for.

import type { DecoderConfig } from "../../model/config.ts";
import type { ParameterSource } from "../../model/parameters.ts";
import { parameterShapes } from "../../model/weights.ts";

/** Half the width of a uniform distribution with the deviation 0.02 that Hugging Face starts from. */
const HALF_WIDTH = 0.02 * Math.sqrt(3);

/** Uniform weights of deviation 0.02; norms are 1. */
export function randomWeights(
  config: DecoderConfig,
  seed = 0,
): ParameterSource & { names: readonly string[] } {
  const shapes = parameterShapes(config);
  const names = [...shapes.keys()];
  return {
    name: "random weights",
    names,
    shape: (name) => shapes.get(name),
    read: (name) => {
      const values = new Float32Array(shapes.get(name)!.reduce((a, b) => a * b, 1));
      if (name.includes("norm")) return Promise.resolve(values.fill(1));
      let state = Math.imul(seed * names.length + names.indexOf(name) + 1, 0x9e3779b1);
      for (let i = 0; i < values.length; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) | 0;
        values[i] = state * (HALF_WIDTH / 2 ** 31);
      }
      return Promise.resolve(values);
    },
  };
}
