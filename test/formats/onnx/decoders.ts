// Decoders for the ONNX tests: the shape that a config.json of whichever family says (the model's own parser refuses
// families that the engine does not compute, and the reader reads them all the same), and random weights of a shape.

import { SeededRandom } from "../../../src/common/random.ts";
import type { NamedWeights } from "../../../src/formats/onnx/parts.ts";
import { graphInputs, graphNodes, graphOutputs } from "../../../src/formats/onnx/decoder-graph.ts";
import { graphTensors } from "../../../src/formats/onnx/decoder-tensors.ts";
import type { ModelSpec } from "../../../src/formats/onnx/encode.ts";
import { encodeModel } from "../../../src/formats/onnx/encode.ts";
import type { DecoderShape } from "../../../src/formats/onnx/shape.ts";

export function shapeOf(config: object): DecoderShape {
  const c = config as Record<string, number> & { tie_word_embeddings: boolean };
  return {
    layers: c["num_hidden_layers"]!,
    hidden: c["hidden_size"]!,
    heads: c["num_attention_heads"]!,
    kvHeads: c["num_key_value_heads"]!,
    headSize: c["head_dim"] ?? c["hidden_size"]! / c["num_attention_heads"]!,
    intermediate: c["intermediate_size"]!,
    vocab: c["vocab_size"]!,
    maxPositions: c["max_position_embeddings"]!,
    ropeTheta: c["rope_theta"]!,
    rmsEps: c["rms_norm_eps"]!,
    tied: c.tie_word_embeddings,
  };
}

/** What a decoder has besides. */
export interface Kind {
  readonly hasBias: boolean;
  readonly hasHeadNorms?: boolean;
}

/** Shape of every weight by its Hugging Face name. */
export function weightShapes(
  shape: DecoderShape,
  { hasBias, hasHeadNorms = false }: Kind,
): Map<string, number[]> {
  const { layers, hidden, heads, kvHeads, headSize, intermediate, vocab, tied } = shape;
  const shapes = new Map<string, number[]>([
    ["model.embed_tokens.weight", [vocab, hidden]],
    ["model.norm.weight", [hidden]],
  ]);
  if (!tied) shapes.set("lm_head.weight", [vocab, hidden]);
  for (let layer = 0; layer < layers; layer++) {
    const set = (name: string, ...size: number[]): unknown =>
      shapes.set(`model.layers.${layer}.${name}`, size);
    for (const [x, rows] of [
      ["q", heads * headSize],
      ["k", kvHeads * headSize],
      ["v", kvHeads * headSize],
    ] as const) {
      set(`self_attn.${x}_proj.weight`, rows, hidden);
      if (hasBias) set(`self_attn.${x}_proj.bias`, rows);
    }
    if (hasHeadNorms) for (const x of ["q", "k"]) set(`self_attn.${x}_norm.weight`, headSize);
    set("self_attn.o_proj.weight", hidden, heads * headSize);
    set("mlp.gate_proj.weight", intermediate, hidden);
    set("mlp.up_proj.weight", intermediate, hidden);
    set("mlp.down_proj.weight", hidden, intermediate);
    set("input_layernorm.weight", hidden);
    set("post_attention_layernorm.weight", hidden);
  }
  return shapes;
}

/** Weights of `shape` between -1 and 1. */
export function randomWeights(
  shape: DecoderShape,
  { seed, ...kind }: Kind & { readonly seed: number },
): NamedWeights & { names: readonly string[] } {
  const random = new SeededRandom(seed);
  const shapes = weightShapes(shape, kind);
  const values = new Map(
    [...shapes].map(([name, size]) => {
      const count = size.reduce((a, b) => a * b, 1);
      return [name, Float32Array.from({ length: count }, () => 2 * random.uniform() - 1)] as const;
    }),
  );
  return {
    name: "random weights",
    names: [...shapes.keys()],
    shape: (name) => shapes.get(name),
    read: (name) => Promise.resolve(values.get(name)!),
  };
}

/** Index of the first element that differs by more than `tolerance`, or in any bit, or -1; 0 when the lengths differ. */
export function firstDifference(actual: Float32Array, expected: Float32Array, tolerance = 0): number {
  if (actual.length !== expected.length) return 0;
  return actual.findIndex((value, i) =>
    tolerance === 0 ? !Object.is(value, expected[i]!) : !(Math.abs(value - expected[i]!) <= tolerance),
  );
}

/** Two layers, an own head, and sizes that no two dimensions share. */
export const SMALL: DecoderShape = {
  layers: 2,
  hidden: 24,
  heads: 3,
  kvHeads: 1,
  headSize: 16,
  intermediate: 20,
  vocab: 11,
  maxPositions: 32,
  ropeTheta: 10000,
  rmsEps: 1e-5,
  tied: false,
};

const PLAIN = { hasBias: true, hasHeadNorms: false, precision: "float32" } as const;

/** What the writer would encode for random weights of `shape`, for tests that change it. */
export const modelSpec = (shape: DecoderShape): ModelSpec => ({
  producer: "test",
  irVersion: 10,
  opsets: [["", 21]],
  graphName: "g",
  nodes: graphNodes(shape, PLAIN),
  tensors: graphTensors(shape, randomWeights(shape, { hasBias: true, seed: 3 }), PLAIN),
  inputs: graphInputs(shape, "float32"),
  outputs: graphOutputs(shape, "float32"),
});

/** The bytes of a file of `model`. */
export async function fileOf(model: ModelSpec): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of encodeModel(model).pieces()) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}
