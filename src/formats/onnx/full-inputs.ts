// All weights of a session's graph as inputs, for full fine-tuning: matrices, biases, norms, the embedding. Each use has
// an input of its own, in the layout in which its node takes it: a tied embedding is there twice, since transposing it
// anew for every token would cost more than holding it. 4-bit blocks cannot be trained, so their nodes become those for
// floats, and an adapter in the file goes: it is part of the weights that are trained.

import type { NodeSpec } from "./encode.ts";
import type { SessionInputs } from "./session-inputs.ts";
import { placed } from "./session-inputs.ts";
import type { WeightPart } from "./weight-input.ts";
import type { DecoderWeights, MatrixUse, VectorUse } from "./weight-uses.ts";

/** Where MatMulNBits takes a bias. */
const BIAS_INPUT = 5;

/** Makes every weight of `session`'s graph an input. */
export function addWeights(session: SessionInputs, found: DecoderWeights): void {
  for (const use of found.vectors) addVector(session, use);
  for (const use of found.matrices) addMatrix(session, use);
}

const inputName = ({ parts }: { parts: VectorUse["parts"] }): string => `weights/${parts[0]![0]}`;

function addVector(session: SessionInputs, use: VectorUse): void {
  const { node, input, tensor } = use;
  const name = session.add({
    name: inputName(use),
    dims: tensor.dims,
    type: session.typeOfConstant(tensor.name),
    parts: placed(use.parts).map(({ name: parameter, rows, first }) => ({
      parameter,
      shape: [1, rows],
      isTransposed: false,
      row: 0,
      column: first,
      scale: 1,
    })),
  });
  session.edit.takeInstead(node, input, name);
}

function addMatrix(session: SessionInputs, use: MatrixUse): void {
  const { node, matrix, adapter } = use;
  const { inputs, outputs } = matrix;
  const isTable = node.op.startsWith("Gather");
  const name = session.add({
    name: inputName(use),
    dims: isTable ? [outputs, inputs] : [inputs, outputs],
    type: session.typeOf(node),
    parts: placed(use.parts).map(({ name: parameter, rows, first }): WeightPart => ({
      parameter,
      shape: [rows, inputs],
      isTransposed: !isTable,
      row: isTable ? first : 0,
      column: isTable ? 0 : first,
      scale: 1,
    })),
  });
  if (node.op === "Gather") session.edit.takeInstead(node, 0, name);
  else if (node.op === "MatMul") session.edit.takeInstead(node, 1, name);
  else session.edit.replace(node, floatNodes(session, use, name));
  if (!adapter) return;
  const { sum } = adapter;
  const same = { op: "Identity", name: sum.name, inputs: [node.outputs[0]!], outputs: sum.outputs };
  session.edit.replace(sum, [same]);
}

/** What stands for a node with 4-bit blocks when its matrix is the input `weight`. */
function floatNodes(session: SessionInputs, { node }: MatrixUse, weight: string): NodeSpec[] {
  const { name, outputs } = node;
  if (node.op === "GatherBlockQuantized")
    return [{ op: "Gather", name, inputs: [weight, node.inputs[1]!], outputs }];
  const inputs = [node.inputs[0]!, weight];
  const bias = session.edit.at(node).inputs.get(BIAS_INPUT) ?? node.inputs[BIAS_INPUT];
  if (!bias) return [{ op: "MatMul", name, inputs, outputs }];
  const product = session.node("MatMul", name, inputs);
  return [product, { ...session.node("Add", `${name}/bias`, [product.outputs[0]!, bias]), outputs }];
}
