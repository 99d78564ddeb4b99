// A float32 decoder in pieces that ONNX Runtime runs one after the other: one graph for every layer, and one for any rows of the
// head. Weights come as inputs, so that a model of any size needs no file, and no more memory than its largest piece.

import type { EncodedFile } from "../encoded-file.ts";
import { cacheValues, layerNodes, MASK_INPUT, maskNodes, norm } from "./decoder-graph.ts";
import { layerConstants, layerTensors } from "./decoder-tensors.ts";
import type { NodeSpec, TensorSpec, ValueSpec } from "./encode.ts";
import { DATA_TYPE } from "./encode.ts";
import { node } from "./graph-nodes.ts";
import type { NamedWeights } from "./parts.ts";
import type { DecoderShape } from "./shape.ts";
import { encodeGraph, graphOptions } from "./write.ts";

/** The residual stream [batch,sequence,hidden] that a piece takes and that a layer gives. */
export const HIDDEN = { input: "hidden_states", output: "new_hidden_states" } as const;
/** What the head takes beside it: its norm [hidden], and rows of its matrix [rows,hidden]. */
export const HEAD = { norm: "model.norm.weight", rows: "lm_head.rows", logits: "logits" } as const;

export interface LayerPiece {
  /** Takes HIDDEN.input, attention_mask, empty caches and the tensors of a layer; gives HIDDEN.output. */
  readonly graph: EncodedFile;
  /** The inputs of `layer`, under the names that every layer has them. */
  tensors(layer: number): readonly TensorSpec[];
}

const stream = (name: string, { hidden }: DecoderShape): ValueSpec => ({
  name,
  type: DATA_TYPE.float,
  dims: ["batch_size", "sequence_length", hidden],
});

/** The graph of any layer of `source`, for up to `length` tokens. Throws UserError as `encodeOnnxModel` does. */
export function layerPiece(shape: DecoderShape, source: NamedWeights, length: number): LayerPiece {
  const one: DecoderShape = { ...shape, layers: 1, maxPositions: length };
  const options = graphOptions(source, "float32");
  const tensors = (layer: number): readonly TensorSpec[] =>
    layerTensors(one, ofLayer(source, layer), 0, options);
  const { nodes, residual, added } = layerNodes(one, 0, { residual: HIDDEN.input }, options);
  const sum: NodeSpec = {
    op: "Add",
    name: "/model/sum",
    inputs: [residual, added],
    outputs: [HIDDEN.output],
  };
  const graph = encodeGraph({
    nodes: [...maskNodes(), ...nodes, sum],
    tensors: layerConstants(one, options),
    inputs: [
      stream(HIDDEN.input, shape),
      MASK_INPUT,
      ...cacheValues(one, "float32", "past_key_values", "past_sequence_length"),
      ...tensors(0),
    ],
    outputs: [
      stream(HIDDEN.output, shape),
      ...cacheValues(one, "float32", "present", "total_sequence_length"),
    ],
  });
  return { graph, tensors };
}

/** `source` with `layer` in the place of its first. */
function ofLayer(source: NamedWeights, layer: number): NamedWeights {
  const own = (name: string): string => name.replace("model.layers.0.", `model.layers.${layer}.`);
  return {
    name: source.name,
    shape: (name) => source.shape(own(name)),
    read: (name) => source.read(own(name)),
  };
}

/** The graph of some rows of the head: takes HIDDEN.input and HEAD, gives HEAD.logits [batch,sequence,rows]. */
export function headPiece(shape: DecoderShape): EncodedFile {
  const { hidden } = shape;
  const final = norm(shape, "/model/norm", { residual: HIDDEN.input });
  const columns = node("Transpose", "/lm_head/Transpose", [HEAD.rows], { perm: { ints: [1, 0] } });
  const product = node("MatMul", "/lm_head/MatMul", [final.output, columns.outputs[0]!]);
  return encodeGraph({
    nodes: [final.node, columns, { ...product, outputs: [HEAD.logits] }],
    tensors: [],
    inputs: [
      stream(HIDDEN.input, shape),
      { name: HEAD.norm, type: DATA_TYPE.float, dims: [hidden] },
      { name: HEAD.rows, type: DATA_TYPE.float, dims: ["rows", hidden] },
    ],
    outputs: [{ name: HEAD.logits, type: DATA_TYPE.float, dims: ["batch_size", "sequence_length", "rows"] }],
  });
}
