// The exporters that are read, and which of them made a graph. Adding one is a file like model-builder.ts and a line here.

import { UserError } from "../../common/errors.ts";
import type { OnnxGraph } from "./graph.ts";
import type { Layout } from "./layout.ts";
import { MODEL_BUILDER } from "./model-builder.ts";
import { TRANSFORMERS_JS } from "./transformers-js.ts";

const LAYOUTS: readonly Layout[] = [MODEL_BUILDER, TRANSFORMERS_JS];

/** Numbers of the layers whose attention `layout` finds in `graph`. */
export function layerNumbers(graph: OnnxGraph, { attention }: Layout): ReadonlySet<number> {
  const pattern = new RegExp(`^/model/layers\\.(\\d+)/${attention}/`);
  return new Set(graph.nodes.flatMap(({ name }) => pattern.exec(name)?.slice(1).map(Number) ?? []));
}

/** The layout of `graph`. Throws UserError that says what the file holds when it is none that is read. */
export function recogniseLayout(graph: OnnxGraph): Layout {
  const layout = LAYOUTS.find((candidate) => layerNumbers(graph, candidate).size > 0);
  if (layout) return layout;
  const counts = new Map<string, number>();
  for (const { op } of graph.nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  const common = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 4);
  const holds = common.map(([op, count]) => `${count} ${op.slice(0, 40)}`).join(", ") || "no nodes";
  throw new UserError(
    `${graph.source.name} is an ONNX file, but no decoder layers such as /model/layers.0/attn are found in it (it holds ${holds}): it is another kind of model, or made by an exporter that is not read here. Use a Qwen2, Qwen3 or Llama model exported by onnxruntime-genai or transformers.js.`,
  );
}
