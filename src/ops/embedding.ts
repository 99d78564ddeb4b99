// Token embedding: CPU reference first, then the launchers of shaders/embedding.wgsl. A table larger than one binding
// comes in shards of whole rows; one call serves one shard. Does not know that the head may share the table.

import embeddingCode from "../../shaders/embedding.wgsl?raw";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ELEMENT_WORK, grid } from "../gpu/index.ts";
import { weightLib } from "./weight-lib.ts";

const SHADER = { name: "embedding", code: embeddingCode };

/** y [N,C] = rows `ids` [N] of weight [V,C]. */
export function embeddingForward(
  ids: ArrayLike<number>,
  weight: Float32Array,
  channels: number,
): Float32Array {
  const y = new Float32Array(ids.length * channels);
  for (let n = 0; n < ids.length; n++) {
    y.set(weight.subarray(ids[n]! * channels, (ids[n]! + 1) * channels), n * channels);
  }
  return y;
}

/** dweight [V,C] of a table of `vocabulary` rows, for dy [N,C] and ids [N]. */
export function embeddingBackward(
  dy: Float32Array,
  ids: ArrayLike<number>,
  vocabulary: number,
  channels: number,
): Float32Array {
  const sums = new Float64Array(vocabulary * channels);
  for (let n = 0; n < ids.length; n++) {
    for (let c = 0; c < channels; c++) sums[ids[n]! * channels + c]! += dy[n * channels + c]!;
  }
  return Float32Array.from(sums);
}

/** Tokens by id: `order[starts[u] .. starts[u+1]]` are the indices of the tokens whose id is `ids[u]`. */
export interface TokenGroups {
  /** Distinct ids, ascending, [U]. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** [U+1]. */
  readonly starts: Uint32Array<ArrayBuffer>;
  /** Token indices, ascending within a group, [N]. */
  readonly order: Uint32Array<ArrayBuffer>;
}

/** Groups token ids [N] so that each row of the table has one writer. */
export function groupByToken(ids: ArrayLike<number>): TokenGroups {
  const count = ids.length;
  // id * N + index sorts by id, then by index; exact below 2^53.
  const keys = Float64Array.from({ length: count }, (_, n) => ids[n]! * count + n).sort();
  const order = new Uint32Array(count);
  const distinct: number[] = [];
  const starts: number[] = [];
  keys.forEach((key, at) => {
    const id = Math.floor(key / count);
    order[at] = key - id * count;
    if (id === distinct.at(-1)) return;
    distinct.push(id);
    starts.push(at);
  });
  return { ids: Uint32Array.from(distinct), starts: Uint32Array.from([...starts, count]), order };
}

/** Which rows of the vocabulary a tensor [rowCount,C] holds. */
export interface VocabularyShard {
  /** First vocabulary row of this shard. */
  readonly rowStart: number;
  readonly rowCount: number;
}

export interface EmbeddingArgs extends VocabularyShard {
  /** u32[]; the id of token n is `ids[n * idStride + idOffset]`. */
  readonly ids: Tensor;
  readonly idStride: number;
  readonly idOffset: number;
  /** Rows `rowStart` to `rowStart + rowCount` of the table [V_shard,C], in any storage. */
  readonly weight: Tensor;
  /** Output, f32[N,C]; rows of ids outside the shard are left as they are. */
  readonly y: Tensor;
  /** N. */
  readonly rows: number;
  readonly channels: number;
}

/** Records y [N,C] = weight[ids] for the ids of one shard. */
export function embedding(recorder: Recorder, args: EmbeddingArgs): void {
  const { ids, idStride, idOffset, weight, rowStart, rowCount, y, rows, channels } = args;
  const kernel = recorder.gpu.compiler.kernel(SHADER, "forward", { libs: [weightLib(weight)] });
  const shard = { id_stride: idStride, id_offset: idOffset, row_start: rowStart, row_count: rowCount };
  recorder.split(rows, ELEMENT_WORK * channels, (first, count) =>
    recorder.dispatch({
      kernel,
      params: { first, end: first + count, channels, ...shard },
      tensors: { ids, weight, y },
      workgroups: grid(count),
      work: ELEMENT_WORK * count * channels,
    }),
  );
}

export interface EmbeddingBackwardArgs extends VocabularyShard {
  /** Gradient of the output, f32[N,C]. */
  readonly dy: Tensor;
  /** Distinct ids, ascending, u32[U]; this and the next two are what `groupByToken` returns. */
  readonly ids: Tensor;
  /** u32[U+1]. */
  readonly starts: Tensor;
  /** u32[N]. */
  readonly order: Tensor;
  /** U. */
  readonly uniqueCount: number;
  /** Gradient of the shard, f32[V_shard,C]; added to. */
  readonly dweight: Tensor;
  /** N. */
  readonly rows: number;
  readonly channels: number;
}

/** Records dweight [V_shard,C] += sums of rows of dy [N,C], in a fixed order, for the ids of one shard. */
export function embeddingGradient(recorder: Recorder, args: EmbeddingBackwardArgs): void {
  const { dy, ids, starts, order, uniqueCount, dweight, rowStart, rowCount, rows, channels } = args;
  const kernel = recorder.gpu.compiler.kernel(SHADER, "backward", { libs: ["weight_f32"] });
  const shard = { id_stride: 1, id_offset: 0, row_start: rowStart, row_count: rowCount };
  // The number of tokens with one id is unknown here: the mean.
  const work = (ELEMENT_WORK * rows * channels) / Math.max(1, uniqueCount);
  recorder.split(uniqueCount, work, (first, count) =>
    recorder.dispatch({
      kernel,
      params: { first, end: first + count, channels, ...shard },
      tensors: { dy, ids, starts, order, dweight },
      workgroups: grid(count),
      work: work * count,
    }),
  );
}
