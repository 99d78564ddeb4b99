// Writes a decoder's weights as an ONNX model that ONNX Runtime runs: the graph of onnxruntime-genai's model builder in
// float32, float16 or with 4-bit matrices, weights inside the file. Deterministic: the same weights give the same bytes.

import { UserError } from "../../common/errors.ts";
import type { EncodedFile } from "../encoded-file.ts";
import type { GraphOptions } from "./graph-nodes.ts";
import { graphInputs, graphNodes, graphOutputs } from "./decoder-graph.ts";
import { graphTensors } from "./decoder-tensors.ts";
import type { ModelSpec } from "./encode.ts";
import { encodeModel } from "./encode.ts";
import type { NamedWeights } from "./parts.ts";
import type { WeightPrecision } from "./precision.ts";
import type { DecoderShape } from "./shape.ts";

const PRODUCER = "gradus";
const IR_VERSION = 10;
const OPSETS = [
  ["", 21],
  ["com.microsoft", 1],
] as const;
/** Protobuf cannot hold more in one message. */
const MAX_BYTES = 2 ** 31 - 1;

export interface OnnxWriteOptions {
  /** Default: float32. */
  readonly precision?: WeightPrecision;
  /** Called after each piece with the bytes written so far. */
  readonly onProgress?: (written: number, total: number) => void;
}

/**
 * The ONNX file of `source`'s weights in pieces, for a file that is written as it is made; its size is known at once.
 * Throws UserError when weights are missing, have another shape, or are too large for one file.
 */
export function encodeOnnxModel(
  shape: DecoderShape,
  source: NamedWeights,
  precision: WeightPrecision = "float32",
): EncodedFile {
  const options = graphOptions(source, precision);
  const model = encodeGraph({
    nodes: graphNodes(shape, options),
    tensors: graphTensors(shape, source, options),
    inputs: graphInputs(shape, precision),
    outputs: graphOutputs(shape, precision),
  });
  if (model.size <= MAX_BYTES) return model;
  throw new UserError(
    `The model takes ${model.size} bytes as ONNX in ${precision}, and one ONNX file holds at most ${MAX_BYTES}. Save it as safetensors instead.`,
  );
}

/** How the graph of `source`'s weights is laid out. */
export function graphOptions(source: NamedWeights, precision: WeightPrecision): GraphOptions {
  const has = (names: readonly string[]): boolean =>
    names.some((name) => source.shape(`model.layers.0.self_attn.${name}`) !== undefined);
  return {
    hasBias: has(["q_proj.bias", "k_proj.bias", "v_proj.bias"]),
    hasHeadNorms: has(["q_norm.weight", "k_norm.weight"]),
    precision,
  };
}

/** A model of one graph. */
export const encodeGraph = (
  graph: Pick<ModelSpec, "nodes" | "tensors" | "inputs" | "outputs">,
): EncodedFile =>
  encodeModel({
    producer: PRODUCER,
    irVersion: IR_VERSION,
    opsets: OPSETS,
    graphName: "main_graph",
    ...graph,
  });

/** The ONNX file of `source`'s weights. Throws UserError as `encodeOnnxModel` does. */
export async function writeOnnxModel(
  shape: DecoderShape,
  source: NamedWeights,
  { precision, onProgress }: OnnxWriteOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const model = encodeOnnxModel(shape, source, precision);
  const file = new Uint8Array(model.size);
  let at = 0;
  for await (const piece of model.pieces()) {
    file.set(piece, at);
    at += piece.length;
    onProgress?.(at, model.size);
  }
  return file;
}
