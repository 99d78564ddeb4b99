// What both kinds of inputs to a session's graph need: inputs and nodes under names that are free, and the type in which
// the graph computes with a matrix.

import { UserError } from "../../common/errors.ts";
import type { NodeSpec } from "./encode.ts";
import { DATA_TYPE } from "./encode.ts";
import { GraphEdit } from "./graph-edit.ts";
import type { OnnxGraph } from "./graph.ts";
import type { OnnxNode } from "./messages.ts";
import { numberAttribute } from "./messages.ts";
import type { WeightInput } from "./weight-input.ts";
import type { Part } from "./weight-uses.ts";

/** Which input of an operator has the type in which it computes with a matrix: the matrix, or the scales of its blocks. */
const TYPED_INPUT: Readonly<Record<string, number>> = {
  MatMul: 1,
  Gather: 0,
  MatMulNBits: 2,
  GatherBlockQuantized: 2,
};
const MAX_STEPS = 8;

export class SessionInputs {
  readonly graph: OnnxGraph;
  readonly edit: GraphEdit;
  readonly added: WeightInput[] = [];

  constructor(graph: OnnxGraph) {
    this.graph = graph;
    this.edit = new GraphEdit(graph);
  }

  /** Adds an input under `input.name`, or that with a number behind; the name. */
  add(input: WeightInput): string {
    const name = this.edit.fresh(input.name);
    this.added.push({ ...input, name });
    const type = input.type === "float16" ? DATA_TYPE.float16 : DATA_TYPE.float;
    this.edit.inputs.push({ name, type, dims: input.dims });
    return name;
  }

  /** A new node with one output. */
  node(op: string, name: string, inputs: readonly string[]): NodeSpec {
    const free = this.edit.fresh(name);
    return { op, name: free, inputs, outputs: [this.edit.fresh(`${free}/output_0`)] };
  }

  /** The type in which `node` computes with its matrix. Throws UserError at one that no input can have. */
  typeOf(node: OnnxNode): WeightInput["type"] {
    return this.typeOfConstant(node.inputs[TYPED_INPUT[node.op]!]!);
  }

  /** The type of a tensor of the file, after the operators behind it. Throws UserError at one that no input can have. */
  typeOfConstant(name: string): WeightInput["type"] {
    let value = name;
    for (let step = 0; step < MAX_STEPS; step++) {
      const producer = this.graph.producers.get(value);
      const type =
        this.graph.tensors.get(value)?.type ??
        (producer?.op === "Cast" ? numberAttribute(producer, "to", 0) : undefined);
      if (type === DATA_TYPE.float) return "float32";
      if (type === DATA_TYPE.float16) return "float16";
      if (type !== undefined || !producer) break;
      value = producer.inputs[0] ?? "";
    }
    throw new UserError(
      `"${name}" in ${this.graph.source.name} is computed with in a type that is neither float32 nor float16, and ONNX Runtime can take no trained weights there. Use the built-in engine for rollouts, or a float32 or float16 export of this model.`,
    );
  }
}

/** A part, the module that it belongs to, and the row of the tensor where it begins. */
export interface PlacedPart {
  readonly name: string;
  /** `model.layers.0.self_attn.q_proj` */
  readonly module: string;
  readonly first: number;
  readonly rows: number;
}

export function placed(parts: readonly Part[]): PlacedPart[] {
  let next = 0;
  return parts.map(([name, rows]) => {
    const first = next;
    next += rows;
    return { name, module: name.slice(0, name.lastIndexOf(".")), first, rows };
  });
}
