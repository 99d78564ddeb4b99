// The graph of a Qwen2, Qwen3 or Llama decoder as onnxruntime-genai's model builder v0.15 lays it out: fused attention with rotary
// embedding inside, q, k, v in one matrix, one matrix for a tied embedding and head. Only nodes and values; the weights
// are in decoder-tensors.ts, attention is in attention-graph.ts.
// In float16 everything is, inputs and outputs too; in int4 matrices are 4-bit blocks, and everything else is float32.

import { attentionNodes } from "./attention-graph.ts";
import type { NodeSpec, ValueSpec } from "./encode.ts";
import { DATA_TYPE } from "./encode.ts";
import type { GraphOptions } from "./graph-nodes.ts";
import { MASK, MICROSOFT, node, ONE, projection } from "./graph-nodes.ts";
import type { WeightPrecision } from "./precision.ts";
import { BLOCK_SIZE, floatType, sharesBlocks } from "./precision.ts";
import type { DecoderShape } from "./shape.ts";

/** Shape of the table of a shared 4-bit embedding. */
export const TABLE_SHAPE = "/model/constants/INT64/embed_tokens";
export const MASK_INPUT: ValueSpec = {
  name: "attention_mask",
  type: DATA_TYPE.int64,
  dims: ["batch_size", "total_sequence_length"],
};

/** Inputs of the graph: tokens, mask, and the keys and values of the past, all keys first. */
export const graphInputs = (shape: DecoderShape, precision: WeightPrecision): ValueSpec[] => [
  { name: "input_ids", type: DATA_TYPE.int64, dims: ["batch_size", "sequence_length"] },
  MASK_INPUT,
  ...cacheValues(shape, precision, "past_key_values", "past_sequence_length"),
];

/** Outputs of the graph: logits, and keys and values with the new ones behind the past. */
export const graphOutputs = (shape: DecoderShape, precision: WeightPrecision): ValueSpec[] => [
  { name: "logits", type: floatType(precision), dims: ["batch_size", "sequence_length", shape.vocab] },
  ...cacheValues(shape, precision, "present", "total_sequence_length"),
];

/** Keys and values of all layers, all keys first. */
export const cacheValues = (
  { layers, kvHeads, headSize }: DecoderShape,
  precision: WeightPrecision,
  prefix: string,
  length: string,
): ValueSpec[] =>
  ["key", "value"].flatMap((part) =>
    Array.from({ length: layers }, (_, layer) => ({
      name: `${prefix}.${layer}.${part}`,
      type: floatType(precision),
      dims: ["batch_size", kvHeads, length, headSize],
    })),
  );

/** Nodes of the graph in an order in which they can run. */
export function graphNodes(shape: DecoderShape, options: GraphOptions): NodeSpec[] {
  const { precision } = options;
  const embedding = embeddingNodes(shape, precision);
  const nodes = [...maskNodes(), ...embedding];
  let stream: Stream = { residual: embedding.at(-1)!.outputs[0]! };
  for (let layer = 0; layer < shape.layers; layer++) {
    const { nodes: own, ...next } = layerNodes(shape, layer, stream, options);
    nodes.push(...own);
    stream = next;
  }
  const final = norm(shape, `/model/layers.${shape.layers}/final_norm_layernorm`, stream, true);
  const head = projection("/lm_head", final.output, [shape.hidden, shape.vocab], precision);
  return [...nodes, final.node, { ...head, outputs: ["logits"] }];
}

/** The residual stream between layers, and what the next norm adds to it first. */
interface Stream {
  readonly residual: string;
  readonly added?: string;
}

/** The nodes of a layer, and the stream behind it. */
export function layerNodes(
  shape: DecoderShape,
  layer: number,
  stream: Stream,
  options: GraphOptions,
): Required<Stream> & { readonly nodes: NodeSpec[] } {
  const path = `/model/layers.${layer}`;
  const input = norm(shape, `${path}/input_layernorm`, stream);
  const attention = attentionNodes(shape, layer, input.output, options);
  const projected = `${path}/attn/o_proj/MatMul/output_0`;
  const post = norm(shape, `${path}/post_attention_layernorm`, {
    residual: input.residual,
    added: projected,
  });
  const mlp = mlpNodes(shape, layer, post.output, options.precision);
  return {
    nodes: [input.node, ...attention, post.node, ...mlp],
    residual: post.residual,
    added: `${path}/mlp/down_proj/MatMul/output_0`,
  };
}

const toInt32 = (name: string, input: string): NodeSpec =>
  node("Cast", name, [input], { to: { int: DATA_TYPE.int32 } });

/** What attention wants of the mask: the last position of each sequence, and how long the mask is. */
export const maskNodes = (): NodeSpec[] => [
  node("ReduceSum", `${MASK}/ReduceSum`, ["attention_mask", ONE.list], { keepdims: { int: 0 } }),
  node("Sub", `${MASK}/Sub`, [`${MASK}/ReduceSum/output_0`, ONE.list]),
  toInt32(`${MASK}/Sub/Cast`, `${MASK}/Sub/output_0`),
  node("Shape", `${MASK}/Shape`, ["attention_mask"]),
  node("Gather", `${MASK}/Gather`, [`${MASK}/Shape/output_0`, ONE.scalar], { axis: { int: 0 } }),
  toInt32(`${MASK}/Gather/Cast`, `${MASK}/Gather/output_0`),
];

function embeddingNodes(shape: DecoderShape, precision: WeightPrecision): NodeSpec[] {
  const name = "/model/embed_tokens";
  const [head, table] = ["lm_head.MatMul.weight", `${name}/Reshape`];
  if (sharesBlocks(shape, precision)) {
    const inputs = [`${table}/output_0`, "input_ids", `${head}_scales`];
    const attributes = { bits: { int: 4 }, block_size: { int: BLOCK_SIZE }, gather_axis: { int: 0 } };
    const gather = node("GatherBlockQuantized", `${name}/GatherBlockQuantized`, inputs);
    return [
      node("Reshape", table, [`${head}_Q4`, TABLE_SHAPE]),
      { ...gather, domain: MICROSOFT, attributes: { ...attributes, quantize_axis: { int: 1 } } },
    ];
  }
  if (!shape.tied || precision === "int4")
    return [node("Gather", `${name}/Gather`, ["model.embed_tokens.weight", "input_ids"])];
  return [
    node("Transpose", `${name}/Transpose`, [head], { perm: { ints: [1, 0] } }),
    node("Gather", `${name}/Gather`, [`${name}/Transpose/output_0`, "input_ids"]),
  ];
}

/** A norm of the residual stream, to which `added` is added first; the sum goes on as the new residual stream. */
export function norm(
  { rmsEps }: Pick<DecoderShape, "rmsEps">,
  path: string,
  { residual, added }: Stream,
  isLast = false,
): { node: NodeSpec; output: string; residual: string } {
  const [weight, output] = [`${path.slice(1).replaceAll("/", ".")}.weight`, `${path}/output_0`];
  const epsilon = { float: rmsEps };
  if (added === undefined) {
    const attributes = { epsilon, axis: { int: -1 }, stash_type: { int: 1 } };
    const inputs = [residual, weight];
    const first = {
      op: "SimplifiedLayerNormalization",
      name: `${path}/LayerNorm`,
      inputs,
      outputs: [output],
    };
    return { node: { ...first, attributes }, output, residual };
  }
  const sum = `${path}/output_3`;
  const fused: NodeSpec = {
    op: "SkipSimplifiedLayerNormalization",
    domain: MICROSOFT,
    name: `${path}/SkipLayerNorm`,
    inputs: [residual, added, weight],
    outputs: isLast ? [output] : [output, "", "", sum],
    attributes: { epsilon },
  };
  return { node: fused, output, residual: sum };
}

/** down(silu(gate(x)) * up(x)) */
function mlpNodes(
  { hidden, intermediate }: DecoderShape,
  layer: number,
  input: string,
  precision: WeightPrecision,
): NodeSpec[] {
  const path = `/model/layers.${layer}/mlp`;
  const gate = `${path}/gate_proj/MatMul/output_0`;
  return [
    projection(`${path}/gate_proj`, input, [hidden, intermediate], precision),
    projection(`${path}/up_proj`, input, [hidden, intermediate], precision),
    node("Sigmoid", `${path}/act_fn/Sigmoid`, [gate]),
    node("Mul", `${path}/act_fn/Mul`, [gate, `${path}/act_fn/Sigmoid/output_0`]),
    node("Mul", `${path}/Mul`, [`${path}/act_fn/Mul/output_0`, `${path}/up_proj/MatMul/output_0`]),
    projection(`${path}/down_proj`, `${path}/Mul/output_0`, [intermediate, hidden], precision),
  ];
}
