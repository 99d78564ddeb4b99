// The tensors of a decoder's ONNX graph from weights under Hugging Face names: matrices transposed to [in,out] or in 4-bit
// blocks, q, k and v side by side, the rotary table. Each is made when it is written, so that one at a time lies in memory.

import { rotaryFrequencies } from "../../common/rotary.ts";
import type { GraphOptions } from "./graph-nodes.ts";
import { TABLE_SHAPE } from "./decoder-graph.ts";
import { listName, ONE } from "./graph-nodes.ts";
import type { TensorSpec } from "./encode.ts";
import { DATA_TYPE } from "./encode.ts";
import type { NamedWeights, Part } from "./parts.ts";
import { blocks, floats, joined, transposed } from "./parts.ts";
import { sharesBlocks } from "./precision.ts";
import type { DecoderShape } from "./shape.ts";
import { attentionRows } from "./shape.ts";

/** Every tensor of the graph. Throws UserError when `source` lacks one or has it in another shape. */
export function graphTensors(shape: DecoderShape, source: NamedWeights, options: GraphOptions): TensorSpec[] {
  const { hidden, layers, vocab, tied } = shape;
  const { precision } = options;
  const embedding: Part = ["model.embed_tokens.weight", vocab];
  const isShared = sharesBlocks(shape, precision);
  const hasTable = !isShared && (!tied || precision === "int4");
  return [
    ...layerConstants(shape, options),
    ...(isShared ? [integer(TABLE_SHAPE, [2], [vocab, hidden / 2])] : []),
    ...(hasTable ? [joined(source, embedding[0], [embedding], [hidden], precision)] : []),
    ...Array.from({ length: layers }, (_, layer) => layerTensors(shape, source, layer, options)).flat(),
    joined(
      source,
      `model.layers.${layers}.final_norm_layernorm.weight`,
      [["model.norm.weight", hidden]],
      [],
      precision,
    ),
    ...matrix(
      source,
      "lm_head.MatMul.weight",
      [tied ? embedding : ["lm_head.weight", vocab]],
      hidden,
      options,
    ),
  ];
}

/** What the nodes of every layer take besides its weights. */
export const layerConstants = (shape: DecoderShape, options: GraphOptions): TensorSpec[] => [
  integer(ONE.list, [1], [1]),
  integer(ONE.scalar, [], [1]),
  ...(options.hasHeadNorms ? headLists(shape) : []),
  ...rotaryTables(shape, options),
];

/** The tensors of a product's weights: one, or blocks and their scales. */
const matrix = (
  source: NamedWeights,
  name: string,
  parts: readonly Part[],
  inputs: number,
  { precision }: GraphOptions,
): TensorSpec[] =>
  precision === "int4"
    ? blocks(source, name, parts, inputs)
    : [transposed(source, name, parts, inputs, precision)];

/** The weights of a layer. */
export function layerTensors(
  shape: DecoderShape,
  source: NamedWeights,
  layer: number,
  options: GraphOptions,
): TensorSpec[] {
  const { hidden, intermediate, heads, headSize } = shape;
  const prefix = `model.layers.${layer}`;
  const qkv = (kind: string): Part[] =>
    ["q", "k", "v"].map((x, i) => [`${prefix}.self_attn.${x}_proj.${kind}`, attentionRows(shape)[i]!]);
  const product = (path: string, parts: readonly Part[], inputs: number): TensorSpec[] =>
    matrix(source, `${prefix}.${path}.MatMul.weight`, parts, inputs, options);
  const single = (path: string, module: string, rows: number, inputs: number): TensorSpec[] =>
    product(path, [[`${prefix}.${module}.weight`, rows]], inputs);
  const vector = (name: string, parts: readonly Part[]): TensorSpec =>
    joined(source, `${prefix}.${name}`, parts, [], options.precision);
  const norm = (name: string): TensorSpec => vector(`${name}.weight`, [[`${prefix}.${name}.weight`, hidden]]);
  const headNorm = (name: string): TensorSpec =>
    vector(`attn.${name}.layernorm.weight`, [[`${prefix}.self_attn.${name}.weight`, headSize]]);
  return [
    norm("input_layernorm"),
    ...product("attn.qkv_proj", qkv("weight"), hidden),
    ...(options.hasBias ? [vector("attn.qkv_proj.Add.bias", qkv("bias"))] : []),
    ...(options.hasHeadNorms ? [headNorm("q_norm"), headNorm("k_norm")] : []),
    ...single("attn.o_proj", "self_attn.o_proj", hidden, heads * headSize),
    norm("post_attention_layernorm"),
    ...single("mlp.gate_proj", "mlp.gate_proj", intermediate, hidden),
    ...single("mlp.up_proj", "mlp.up_proj", intermediate, hidden),
    ...single("mlp.down_proj", "mlp.down_proj", hidden, intermediate),
  ];
}

/** Sizes and shapes of heads, each once: q may have as many rows as k. */
function headLists(shape: DecoderShape): TensorSpec[] {
  const [q, k, v] = attentionRows(shape);
  const lists = [
    [q, k, v],
    [0, -1, shape.headSize],
    [0, -1, q],
    [0, -1, k],
  ];
  const named = new Map(lists.map((list) => [listName(list), list]));
  return [...named].map(([name, list]) => integer(name, [3], list));
}

const integer = (name: string, dims: readonly number[], values: readonly number[]): TensorSpec => ({
  name,
  dims,
  type: DATA_TYPE.int64,
  bytes: () => Promise.resolve(new Uint8Array(BigInt64Array.from(values, BigInt).buffer)),
});

/** Cosines and sines [maxPositions,headSize/2], computed in float64 as the engine's own table is. */
function rotaryTables(shape: DecoderShape, { precision }: GraphOptions): TensorSpec[] {
  const frequencies = rotaryFrequencies(shape);
  const pairs = frequencies.length;
  const table = (name: string, turn: (angle: number) => number): TensorSpec =>
    floats(name, [shape.maxPositions, pairs], precision, () => {
      const angle = (i: number): number => Math.floor(i / pairs) * frequencies[i % pairs]!;
      return Promise.resolve(
        Float32Array.from({ length: shape.maxPositions * pairs }, (_, i) => turn(angle(i))),
      );
    });
  return [table("cos_cache", Math.cos), table("sin_cache", Math.sin)];
}
