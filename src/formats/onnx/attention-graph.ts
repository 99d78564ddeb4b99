// The attention of a decoder's graph: one product for q, k and v, norms of their heads where the family has them, fused
// attention with rotary embedding inside, and the product behind it. GroupQueryAttention gets its first nine inputs only:
// ONNX Runtime before 1.22 refuses more, and its processor backend cannot normalise heads inside.

import type { NodeSpec } from "./encode.ts";
import type { GraphOptions } from "./graph-nodes.ts";
import { listName, MICROSOFT, node, projection, SEQUENCE_LENGTHS, TOTAL_LENGTH } from "./graph-nodes.ts";
import type { DecoderShape } from "./shape.ts";
import { attentionRows } from "./shape.ts";

/** From the normalised residual stream `input` to what is added to it. */
export function attentionNodes(
  shape: DecoderShape,
  layer: number,
  input: string,
  { hasBias, hasHeadNorms, precision }: GraphOptions,
): NodeSpec[] {
  const { hidden, heads: queryHeads, kvHeads, headSize } = shape;
  const path = `/model/layers.${layer}/attn`;
  const qkv = `${path}/qkv_proj`;
  const bias = `${qkv.slice(1).replaceAll("/", ".")}.Add.bias`;
  const add = hasBias ? [node("Add", `${qkv}/Add`, [`${qkv}/MatMul/output_0`, bias])] : [];
  const packed = `${qkv}/${hasBias ? "Add" : "MatMul"}/output_0`;
  const heads = hasHeadNorms ? headNodes(shape, path, packed) : { nodes: [], inputs: [packed, "", ""] };
  const attention: NodeSpec = {
    op: "GroupQueryAttention",
    domain: MICROSOFT,
    name: `${path}/GroupQueryAttention`,
    inputs: [
      ...heads.inputs,
      `past_key_values.${layer}.key`,
      `past_key_values.${layer}.value`,
      SEQUENCE_LENGTHS,
      TOTAL_LENGTH,
      "cos_cache",
      "sin_cache",
    ],
    outputs: [`${path}/GroupQueryAttention/output_0`, `present.${layer}.key`, `present.${layer}.value`],
    attributes: {
      num_heads: { int: queryHeads },
      kv_num_heads: { int: kvHeads },
      scale: { float: 1 / Math.sqrt(headSize) },
      softcap: { float: 0 },
      do_rotary: { int: 1 },
      rotary_interleaved: { int: 0 },
    },
  };
  const channels = (queryHeads + 2 * kvHeads) * headSize;
  return [
    projection(qkv, input, [hidden, channels], precision),
    ...add,
    ...heads.nodes,
    attention,
    projection(`${path}/o_proj`, attention.outputs[0]!, [queryHeads * headSize, hidden], precision),
  ];
}

/** q, k and v apart, the heads of q and k normalised, and what attention takes of them. */
function headNodes(
  shape: DecoderShape,
  path: string,
  packed: string,
): { nodes: NodeSpec[]; inputs: readonly string[] } {
  const split = `${path}/qkv_proj/Split`;
  const sizes = attentionRows(shape);
  const outputs = sizes.map((_, i) => `${split}/output_${i}`);
  const norms = (["q", "k"] as const).map((x, i) =>
    headNorm(shape, `${path}/${x}_norm`, outputs[i]!, sizes[i]!),
  );
  return {
    nodes: [
      {
        op: "Split",
        name: split,
        inputs: [packed, listName(sizes)],
        outputs,
        attributes: { axis: { int: -1 } },
      },
      ...norms.flat(),
    ],
    inputs: [...norms.map((nodes) => nodes.at(-1)!.outputs[0]!), outputs[2]!],
  };
}

/** A norm of each head of `value` [..., channels], heads apart and then side by side again. */
function headNorm(
  { headSize, rmsEps }: DecoderShape,
  path: string,
  value: string,
  channels: number,
): NodeSpec[] {
  const weight = `${path.slice(1).replaceAll("/", ".")}.layernorm.weight`;
  const apart = node("Reshape", `${path}/Reshape_1`, [value, listName([0, -1, headSize])]);
  const normed = node(
    "SimplifiedLayerNormalization",
    `${path}/SimplifiedLayerNormalization`,
    [apart.outputs[0]!, weight],
    {
      epsilon: { float: rmsEps },
      axis: { int: -1 },
      stash_type: { int: 1 },
    },
  );
  return [
    apart,
    normed,
    node("Reshape", `${path}/Reshape_2`, [normed.outputs[0]!, listName([0, -1, channels])]),
  ];
}
