// A low-rank adapter beside the projections of a session's graph, its matrices as inputs: x A^T, then times B^T, is added
// to what a projection makes, before its bias. Where q, k and v are one matrix, their adapters are one, too: A side by
// side, B in blocks with zeros around. Nodes are called as onnxruntime-genai calls them.

import { peftTensorName } from "../peft.ts";
import type { SessionInputs, PlacedPart } from "./session-inputs.ts";
import { placed } from "./session-inputs.ts";
import type { DecoderWeights, MatrixUse } from "./weight-uses.ts";

export interface AdapterSpec {
  readonly rank: number;
  readonly alpha: number;
  /** Last parts of the names of modules, `q_proj`. */
  readonly targets: readonly string[];
}

/** Adds the adapter `spec` to `session`. */
export function addAdapter(session: SessionInputs, found: DecoderWeights, spec: AdapterSpec): void {
  for (const use of found.matrices) {
    const parts = placed(use.parts).filter(({ module }) => spec.targets.includes(module.split(".").at(-1)!));
    if (parts.length > 0) addBranch(session, use, parts, spec);
  }
}

function addBranch(
  session: SessionInputs,
  use: MatrixUse,
  parts: readonly PlacedPart[],
  spec: AdapterSpec,
): void {
  const { node } = use;
  const path = node.name.slice(0, node.name.lastIndexOf("/"));
  const [a, b] = branchInputs(session, use, parts, spec, path);
  const output = node.outputs[0]!;
  const base = session.edit.fresh(`${output}/base`);
  const edit = session.edit.at(node);
  edit.outputs.set(0, base);
  const down = session.node("MatMul", `${path}/lora_A/MatMul`, [node.inputs[0]!, a]);
  const up = session.node("MatMul", `${path}/lora_B/MatMul`, [down.outputs[0]!, b]);
  const sum = session.node("Add", `${path}/lora/Add`, [base, up.outputs[0]!]);
  // Whatever took the projection takes the sum, by the same name.
  edit.after.push(down, up, { ...sum, outputs: [output] });
}

/** Names of the inputs A^T [in, rank of each part] and B^T [rank of each part, out]. */
function branchInputs(
  session: SessionInputs,
  { node, matrix }: MatrixUse,
  parts: readonly PlacedPart[],
  { rank, alpha }: AdapterSpec,
  path: string,
): readonly [a: string, b: string] {
  const type = session.typeOf(node);
  const ranks = rank * parts.length;
  const a = session.add({
    name: `${path}/lora_A/weight`,
    dims: [matrix.inputs, ranks],
    type,
    parts: parts.map((part, i) => ({
      parameter: peftTensorName(part.module, "A"),
      shape: [rank, matrix.inputs],
      isTransposed: true,
      row: 0,
      column: i * rank,
      scale: 1,
    })),
  });
  const b = session.add({
    name: `${path}/lora_B/weight`,
    dims: [ranks, matrix.outputs],
    type,
    parts: parts.map((part, i) => ({
      parameter: peftTensorName(part.module, "B"),
      shape: [part.rows, rank],
      isTransposed: true,
      row: i * rank,
      column: part.first,
      scale: alpha / rank,
    })),
  });
  return [a, b];
}
