// What a decoder's graph asks of a batch: on which side of its row a shorter sequence lies in the key-value cache, and
// whether a prompt may be read in pieces. Read from the graph's operators.

import { openOnnxGraph } from "../../formats/onnx/graph.ts";
import { recogniseLayout } from "../../formats/onnx/layouts.ts";
import type { OnnxFiles } from "../../formats/onnx/model.ts";

/** Where a row of the cache has its entries: first ones, or last ones. */
export type CacheSide = "first" | "last";

export interface BatchLayout {
  readonly side: CacheSide;
  readonly readsInPieces: boolean;
}

/**
 * GroupQueryAttention counts a row's tokens from the front and has their number from the mask, so padding lies behind. Other
 * graphs add a mask to the scores and take positions as an input: new entries go to the end of the cache for all rows alike,
 * so padding lies in front. The oldest builder's graphs (MultiHeadAttention) make that mask for a whole prompt or one token.
 */
export async function batchLayout({ model }: OnnxFiles): Promise<BatchLayout> {
  const graph = await openOnnxGraph(model);
  if (graph.nodes.some(({ op }) => op === "GroupQueryAttention"))
    return { side: "first", readsInPieces: true };
  return { side: "last", readsInPieces: recogniseLayout(graph).name === "transformers.js" };
}
