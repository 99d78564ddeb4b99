// From a node of the graph to the weights that it takes: the matrix of a MatMul, the table of a Gather, the bias that is
// added behind. Follows edges, since exporters name tensors as they like; says which nodes it was asked about.

import { UserError } from "../../common/errors.ts";
import { BlockMatrix } from "./block-matrix.ts";
import type { OnnxGraph } from "./graph.ts";
import type { Matrix } from "./matrix.ts";
import { StoredMatrix } from "./matrix.ts";
import type { OnnxNode } from "./messages.ts";
import { numberAttribute } from "./messages.ts";
import type { ExternalFiles, OnnxTensor } from "./tensor.ts";
import { openTensor } from "./tensor.ts";

/** Operators between a constant and its use that change how it is written, not what it says. */
const FLOAT_STEPS: ReadonlySet<string> = new Set(["Cast", "Identity", "Transpose"]);
const BLOCK_STEPS: ReadonlySet<string> = new Set(["Reshape", "Identity"]);
const PRODUCTS: ReadonlySet<string> = new Set(["MatMul", "MatMulNBits"]);
const MAX_STEPS = 8;

/** A tensor, and where a node takes it. */
export interface TensorUse {
  readonly node: OnnxNode;
  /** Which input of `node` it is. */
  readonly input: number;
  readonly tensor: OnnxTensor;
}

/** A low-rank adapter beside a projection: x A^T B^T is added to its output. */
export interface AdapterUse {
  readonly a: Matrix;
  readonly b: Matrix;
  /** The node that adds it. */
  readonly sum: OnnxNode;
}

export class WeightEdges {
  readonly graph: OnnxGraph;
  /** Nodes whose weights were asked for. */
  readonly visited = new Set<OnnxNode>();
  readonly #files: ExternalFiles;

  constructor(graph: OnnxGraph, files: ExternalFiles) {
    this.graph = graph;
    this.#files = files;
  }

  /** The tensor called `name`; undefined when the file holds none. Throws UserError when its bytes are not there. */
  tensor(name: string | undefined): OnnxTensor | undefined {
    const record = name === undefined ? undefined : this.graph.tensors.get(name);
    return record && openTensor(record, this.graph.source, this.#files);
  }

  /** The matrix [out,in] that `node` multiplies with, or the table [V,C] that it looks up in. Throws UserError. */
  matrix(node: OnnxNode): Matrix {
    this.visited.add(node);
    if (node.op === "MatMul") return this.#stored(node, 1, true);
    if (node.op === "Gather") return this.#stored(node, 0, false);
    if (node.op === "MatMulNBits") return this.#blocks(node);
    throw new UserError(
      `Node "${node.name}" in ${this.graph.source.name} is a ${node.op}, and MatMul with weights of 32 or 16 bits or MatMulNBits with 4 bits are read here. ${OTHER_EXPORT}`,
    );
  }

  /** The table [V,C] in 4-bit blocks that a GatherBlockQuantized looks up in. Throws UserError. */
  blockTable(node: OnnxNode, outputs: number, inputs: number): Matrix {
    this.visited.add(node);
    return this.#blockMatrix(node, { values: 0, scales: 2, zeroPoints: 3 }, outputs, inputs);
  }

  /** The tensor that `node` takes as its input `input`; undefined when it is none. */
  use(node: OnnxNode, input: number): TensorUse | undefined {
    const tensor = this.tensor(node.inputs[input]);
    return tensor && { node, input, tensor };
  }

  /** The vector added to the output of `node`; undefined when there is none, or when what is added is no constant. */
  bias(node: OnnxNode): TensorUse | undefined {
    if (node.op === "MatMulNBits" && node.inputs[5]) return this.use(node, 5);
    for (const { sum, other } of this.#additions(node))
      if (this.graph.tensors.has(other)) return this.use(sum, sum.inputs.indexOf(other));
    return undefined;
  }

  /**
   * The low-rank adapter of `node`: two matrices one after the other, from the same input, whose result is added to the
   * output. Undefined when there is none.
   */
  adapter(node: OnnxNode): AdapterUse | undefined {
    const { producers } = this.graph;
    for (const { sum, other } of this.#additions(node)) {
      const second = producers.get(other);
      const first = producers.get(second?.inputs[0] ?? "");
      if (!second || !first || !PRODUCTS.has(second.op) || !PRODUCTS.has(first.op)) continue;
      if (first.inputs[0] === node.inputs[0]) return { a: this.matrix(first), b: this.matrix(second), sum };
    }
    return undefined;
  }

  /** Nodes that add something to the output of `node`, and the name of what they add. */
  #additions({ outputs: [output = ""] }: OnnxNode): { sum: OnnxNode; other: string }[] {
    return (this.graph.consumers.get(output) ?? [])
      .filter(({ op }) => op === "Add")
      .map((sum) => ({ sum, other: sum.inputs.find((input) => input !== output) ?? "" }));
  }

  #stored(node: OnnxNode, input: number, isTransposed: boolean): Matrix {
    const { tensor, isFlipped } = this.#constant(node, input, FLOAT_STEPS);
    if (tensor.dims.length === 2 && tensor.type !== "U8")
      return new StoredMatrix(tensor, tensor.type, isTransposed !== isFlipped);
    throw new UserError(
      `Node "${node.name}" in ${this.graph.source.name} takes "${tensor.name}", ${tensor.type} [${tensor.dims}], and a matrix of floats is needed. ${OTHER_EXPORT}`,
    );
  }

  /** The constant behind an input, through operators of `steps`. */
  #constant(
    node: OnnxNode,
    input: number,
    steps: ReadonlySet<string>,
  ): { tensor: OnnxTensor; isFlipped: boolean } {
    let value = node.inputs[input] ?? "";
    let isFlipped = false;
    for (let step = 0; step < MAX_STEPS; step++) {
      const tensor = this.tensor(value);
      if (tensor) return { tensor, isFlipped };
      const producer = this.graph.producers.get(value);
      if (!producer || !steps.has(producer.op) || !reversesAxes(producer)) break;
      if (producer.op === "Transpose") isFlipped = !isFlipped;
      value = producer.inputs[0] ?? "";
    }
    const producer = this.graph.producers.get(value);
    const why = producer
      ? `a ${producer.op}, and weights are read from the file as they are`
      : `"${value}", which the file does not hold`;
    throw new UserError(
      `Node "${node.name}" in ${this.graph.source.name} takes its weights from ${why}. ${OTHER_EXPORT}`,
    );
  }

  #blocks(node: OnnxNode): Matrix {
    const [bits, n, k] = [
      numberAttribute(node, "bits", 4),
      numberAttribute(node, "N", 0),
      numberAttribute(node, "K", 0),
    ];
    if (bits !== 4 || node.inputs[4]) {
      throw new UserError(
        `Node "${node.name}" in ${this.graph.source.name} holds weights of ${bits} bits${node.inputs[4] ? " in another order (g_idx)" : ""}, and 4 bits in order are read here. ${OTHER_EXPORT}`,
      );
    }
    return this.#blockMatrix(node, { values: 1, scales: 2, zeroPoints: 3 }, n, k);
  }

  #blockMatrix(
    node: OnnxNode,
    at: { values: number; scales: number; zeroPoints: number },
    outputs: number,
    inputs: number,
  ): Matrix {
    const constant = (input: number): OnnxTensor => this.#constant(node, input, BLOCK_STEPS).tensor;
    return new BlockMatrix(this.graph.source.name, {
      values: constant(at.values),
      scales: constant(at.scales),
      ...(node.inputs[at.zeroPoints] && { zeroPoints: constant(at.zeroPoints) }),
      outputs,
      inputs,
      blockSize: numberAttribute(node, "block_size", 0),
    });
  }
}

const OTHER_EXPORT =
  "Use a float32, float16 or 4-bit export of the same model made by onnxruntime-genai or transformers.js.";

/** Unless it is a transpose to another order than the reverse, which is also what a missing `perm` means. */
function reversesAxes({ op, attributes }: OnnxNode): boolean {
  const order = attributes.get("perm");
  return op !== "Transpose" || order === undefined || String(order) === "1,0";
}
