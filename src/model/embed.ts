// Token embedding over a vocabulary that may lie in several shards: forward, and backward where it is trained.

import type { Recorder, Tensor } from "../gpu/index.ts";
import { embedding, embeddingGradient } from "../ops/embedding.ts";
import type { DeviceBatch } from "./batch.ts";
import type { VocabShard } from "./weights.ts";

/** Records y [N,C] = rows of the vocabulary shards at `ids`. */
export function embedTokens(
  recorder: Recorder,
  shards: readonly VocabShard[],
  ids: { readonly ids: Tensor; readonly idStride: number; readonly idOffset: number },
  y: Tensor,
  rows: number,
  channels: number,
): void {
  for (const { stored, row, rows: rowCount } of shards) {
    embedding(recorder, { ...ids, weight: stored.tensor, rowStart: row, rowCount, y, rows, channels });
  }
}

/** Records d embedding [V,C] += rows of dh [N,C], summed by token, in every trained shard. */
export function embeddingBackward(
  recorder: Recorder,
  shards: readonly VocabShard[],
  { ids, idStarts: starts, idOrder: order, idCount: uniqueCount, tokenCount: rows }: DeviceBatch,
  dh: Tensor,
  channels: number,
): void {
  for (const { stored, row: rowStart, rows: rowCount } of shards) {
    if (!stored.grad) continue;
    const shard = { dweight: stored.grad, rowStart, rowCount };
    embeddingGradient(recorder, { dy: dh, ids, starts, order, uniqueCount, ...shard, rows, channels });
  }
}
