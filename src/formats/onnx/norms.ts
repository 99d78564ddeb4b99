// The scales of a decoder's norms, found by where they stand: before a projection, or between q or k and attention. One
// operator in fused graphs, a chain that ends in a product with the scale in plain ones. Tensor names are not asked:
// exporters call them as they like, and give one name to two norms that are equal.

import type { TensorUse, WeightEdges } from "./edges.ts";
import type { OnnxGraph } from "./graph.ts";
import type { OnnxNode } from "./messages.ts";

/** Which input of a fused norm is its scale. */
const SCALE_INPUT: Readonly<Record<string, number>> = {
  SimplifiedLayerNormalization: 1,
  SkipSimplifiedLayerNormalization: 2,
};
/** Operators between a norm and what takes its output that leave the numbers as they are. */
const STEPS_BACK: ReadonlySet<string> = new Set(["Cast", "Identity", "Gather", "Slice", "Reshape"]);
/** Operators between q or k and attention, among them those of a norm of plain operators. */
const STEPS_ON: ReadonlySet<string> = new Set([
  ..."Add Cast Identity Reshape Transpose RotaryEmbedding".split(" "),
  ..."Pow ReduceMean Sqrt Reciprocal Div Mul".split(" "),
]);
const MAX_STEPS = 24;
/** Where attention takes the scales of query and key heads, if it normalises them itself. */
const FUSED = { op: "GroupQueryAttention", inputs: { q: 14, k: 15 } } as const;

export const isFusedNorm = ({ op }: OnnxNode): boolean => Object.hasOwn(SCALE_INPUT, op);

/** The scale of the norm that makes `value`; undefined when no norm does. */
export function scaleBefore(edges: WeightEdges, value: string | undefined): TensorUse | undefined {
  let at = value ?? "";
  for (let step = 0; step < MAX_STEPS; step++) {
    const node = edges.graph.producers.get(at);
    if (!node) return undefined;
    const scale = scaleOf(edges.graph, node);
    if (scale !== undefined) {
      edges.visited.add(node);
      return edges.use(node, scale);
    }
    if (!STEPS_BACK.has(node.op)) return undefined;
    at = node.inputs[0] ?? "";
  }
  return undefined;
}

/** The input that `node` scales a normalised vector with: of a fused norm, or the vector of a product. */
function scaleOf({ tensors }: OnnxGraph, node: OnnxNode, size?: number): number | undefined {
  const input = SCALE_INPUT[node.op];
  if (input !== undefined) return node.inputs[input] === undefined ? undefined : input;
  if (node.op !== "Mul") return undefined;
  const found = node.inputs.findIndex((name) => {
    const dims = tensors.get(name)?.dims;
    return dims?.length === 1 && (size === undefined || dims[0] === size);
  });
  return found < 0 ? undefined : found;
}

/** The scale [headSize] of the heads of q or k, whose projection is `value`; undefined when they are not normalised. */
export function headScale(
  edges: WeightEdges,
  value: string,
  kind: "q" | "k",
  headSize: number,
): TensorUse | undefined {
  const { consumers } = edges.graph;
  const seen = new Set<OnnxNode>();
  let values = [value];
  for (let step = 0; step < MAX_STEPS && values.length > 0; step++) {
    const nodes = values.flatMap((name) => consumers.get(name) ?? []).filter((node) => !seen.has(node));
    for (const node of nodes) {
      const scale = node.op === FUSED.op ? FUSED.inputs[kind] : scaleOf(edges.graph, node, headSize);
      seen.add(node);
      if (scale === undefined || !node.inputs[scale]) continue;
      edges.visited.add(node);
      return edges.use(node, scale);
    }
    values = nodes.flatMap(({ op, outputs }) => (STEPS_ON.has(op) ? outputs : []));
  }
  return undefined;
}

/** What q and k leave their projections as: its output, or, of one for all three, a part of it or the whole. */
export function projectedHeads(
  { consumers }: OnnxGraph,
  node: OnnxNode,
  isPacked: boolean,
): [string, string] {
  let value = node.outputs[0] ?? "";
  if (!isPacked) return [value, value];
  for (let step = 0; step < MAX_STEPS; step++) {
    const nodes = consumers.get(value) ?? [];
    const split = nodes.find(({ op }) => op === "Split");
    if (split) return [split.outputs[0] ?? "", split.outputs[1] ?? ""];
    const next = nodes.find(({ op }) => op === "Add" || op === "Cast" || op === "Identity");
    if (!next) break;
    value = next.outputs[0] ?? "";
  }
  return [value, value];
}
