// An ONNX graph without its weights: nodes, who makes and who takes each value, and where every tensor lies. Reads the
// file by position, so that one with two gigabytes of weights inside costs a few kilobytes. Knows nothing of decoders.

import type { ByteSource } from "../safetensors.ts";
import { brokenOnnx, ByteWindow } from "./byte-window.ts";
import { checkFileKind } from "./file-kind.ts";
import type { OnnxNode } from "./messages.ts";
import { parseNode, parseOperatorSet, parseName, smallPayload, textOf } from "./messages.ts";
import type { Field } from "./protobuf.ts";
import { fieldsOf, WIRE } from "./protobuf.ts";
import type { TensorRecord } from "./tensor-record.ts";
import { readTensorRecord } from "./tensor-record.ts";

export interface OnnxGraph {
  readonly source: ByteSource;
  /** `onnxruntime-genai`, `pytorch`, ...; may be empty. */
  readonly producer: string;
  /** Version of the operator set `ai.onnx`; 0 when the file does not say. */
  readonly opset: number;
  readonly nodes: readonly OnnxNode[];
  /** Initializers by name. */
  readonly tensors: ReadonlyMap<string, TensorRecord>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** The node that makes a value. */
  readonly producers: ReadonlyMap<string, OnnxNode>;
  /** The nodes that take a value. */
  readonly consumers: ReadonlyMap<string, readonly OnnxNode[]>;
}

type Contents = {
  nodes: OnnxNode[];
  tensors: Map<string, TensorRecord>;
  inputs: string[];
  outputs: string[];
};

/** Reads the graph of an ONNX file. Throws UserError saying what the file is, when it is not one, or what is broken. */
export async function openOnnxGraph(source: ByteSource): Promise<OnnxGraph> {
  await checkFileKind(source);
  const window = new ByteWindow(source);
  const contents: Contents = { nodes: [], tensors: new Map(), inputs: [], outputs: [] };
  let [producer, opset, hasGraph] = ["", 0, false];
  for await (const field of fieldsOf(window, 0, source.size)) {
    if (field.number === 2) producer = await textOf(window, field);
    else if (field.number === 7) {
      if (hasGraph || field.wire !== WIRE.bytes) throw brokenOnnx(source.name, "it has more than one graph");
      hasGraph = true;
      await readGraph(window, field, contents);
    } else if (field.number === 8) {
      const bytes = await smallPayload(window, field, "an operator set");
      const { domain, version } = parseOperatorSet(source.name, bytes);
      if (domain === "" || domain === "ai.onnx") opset = version;
    }
  }
  if (!hasGraph) throw brokenOnnx(source.name, "there is no graph in it");
  return { source, producer, opset, ...contents, ...edgesOf(contents.nodes) };
}

/** GraphProto at the payload of `graph`. */
async function readGraph(window: ByteWindow, graph: Field, into: Contents): Promise<void> {
  const file = window.source.name;
  for await (const field of fieldsOf(window, graph.start, graph.end)) {
    if (field.number === 1) into.nodes.push(parseNode(file, await smallPayload(window, field, "a node")));
    else if (field.number === 5) {
      const tensor = await readTensorRecord(window, field);
      into.tensors.set(tensor.name, tensor);
    } else if (field.number === 11 || field.number === 12) {
      const name = parseName(file, await smallPayload(window, field, "an input"));
      (field.number === 11 ? into.inputs : into.outputs).push(name);
    }
  }
}

function edgesOf(nodes: readonly OnnxNode[]): Pick<OnnxGraph, "producers" | "consumers"> {
  const producers = new Map<string, OnnxNode>();
  const consumers = new Map<string, OnnxNode[]>();
  for (const node of nodes) {
    for (const output of node.outputs) if (output !== "") producers.set(output, node);
    for (const input of node.inputs) {
      if (input === "") continue;
      const others = consumers.get(input);
      if (others) others.push(node);
      else consumers.set(input, [node]);
    }
  }
  return { producers, consumers };
}
