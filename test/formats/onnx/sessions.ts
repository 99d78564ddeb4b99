// Sessions of ONNX Runtime over exports, and weights to put into them: what the tests of files and of graphs that were
// changed have in common.

import * as ort from "onnxruntime-web";
import { expect } from "vitest";
import { DATA_TYPE } from "../../../src/formats/onnx/encode.ts";
import type { OnnxGraph } from "../../../src/formats/onnx/graph.ts";
import type { OnnxFiles, OnnxModel } from "../../../src/formats/onnx/model.ts";
import type { SessionGraph, SessionWeights } from "../../../src/formats/onnx/session-graph.ts";
import { sessionGraph } from "../../../src/formats/onnx/session-graph.ts";
import { inputValues } from "../../../src/formats/onnx/weight-input.ts";
import type { SafetensorsFile } from "../../../src/formats/safetensors.ts";
import { OrtDecoder } from "./ort.ts";

/** Hugging Face's own float32 is within 6e-6 of the golden logits, ONNX Runtime within 1e-5. */
export const F32 = 1e-4;
/** Products in half precision, in another order where an adapter keeps nodes apart; the golden logits reach 6. */
export const F16 = 3e-2;

/** What PEFT made the adapters of the golden models with. */
export const LORA = {
  kind: "adapter",
  rank: 4,
  alpha: 8,
  targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
} as const satisfies SessionWeights;

export type Read = (parameter: string) => Promise<Float32Array>;

/**
 * The prompt, and one token through the cache: graphs of v0.6 take no more at once there. Of those in half precision ONNX
 * Runtime's processor backend runs the prompt alone ("Shape mismatch attempting to re-use buffer").
 */
export const inSteps = (tokens: readonly number[], { nodes, tensors }: OnnxGraph): (readonly number[])[] => {
  const isHalf = [...tensors.values()].some(({ type }) => type === DATA_TYPE.float16);
  if (isHalf && nodes.some(({ op }) => op === "MultiHeadAttention")) return [tokens];
  return [tokens.slice(0, -1), tokens.slice(-1)];
};

/** A session's graph, and what runs it. */
export interface Running {
  readonly session: SessionGraph;
  readonly decoder: OrtDecoder;
}

export async function running(files: OnnxFiles, weights: SessionWeights): Promise<Running> {
  const session = await sessionGraph(files, weights);
  const external = session.external.map(async ({ path, source }) => ({
    path,
    data: new Uint8Array(await source.read(0, source.size)),
  }));
  const options = { external: await Promise.all(external) };
  return { session, decoder: await OrtDecoder.open(session.model, files.config, options) };
}

/** Logits [tokens,V] of the sequence in `chunks` when inputs hold what `read` gives. */
export async function logitsOf(
  { session, decoder }: Running,
  chunks: readonly (readonly number[])[],
  read: Read,
): Promise<Float32Array> {
  const feeds = session.inputs.map(async (input) => {
    const values = await inputValues(input, read);
    const { name, dims } = input;
    return [
      name,
      values instanceof Uint16Array
        ? new ort.Tensor("float16", values, dims)
        : new ort.Tensor("float32", values, dims),
    ] as const;
  });
  return decoder.run(chunks, Object.fromEntries(await Promise.all(feeds)));
}

export const worst = (actual: Float32Array, expected: Float32Array): number => {
  expect(actual).toHaveLength(expected.length);
  return actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
};

/** W + alpha / rank * B A where the adapter has them for `targets`, W elsewhere. */
export const folded =
  (model: OnnxModel, adapter: SafetensorsFile, targets: readonly string[] = LORA.targets): Read =>
  async (name) => {
    const weights = await model.read(name);
    const module = `base_model.model.${name.replace(/\.weight$/, "")}`;
    if (!adapter.has(`${module}.lora_A.weight`) || !targets.includes(module.split(".").at(-1)!))
      return weights;
    const [a, b] = [
      await adapter.readF32(`${module}.lora_A.weight`),
      await adapter.readF32(`${module}.lora_B.weight`),
    ];
    const inputs = a.length / LORA.rank;
    return weights.map((weight, i) => {
      let sum = 0;
      for (let r = 0; r < LORA.rank; r++)
        sum += b[Math.floor(i / inputs) * LORA.rank + r]! * a[r * inputs + (i % inputs)]!;
      return weight + (LORA.alpha / LORA.rank) * sum;
    });
  };

/** Attention that normalises heads itself, which ONNX Runtime's processor backend does not. */
export const isFused = ({ nodes }: OnnxGraph): boolean =>
  nodes.some(({ op, inputs }) => op === "GroupQueryAttention" && inputs[14]);
