// Attention over packed batches: segments and tiles, CPU reference, then the launcher of shaders/attention.wgsl. Tokens of
// all sequences form one list without padding; responses to one prompt may share its keys. Does not apply rope.

import attentionCode from "../../shaders/attention.wgsl?raw";
import { BugError } from "../common/errors.ts";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { grid } from "../gpu/index.ts";

const SHADER = { name: "attention", code: attentionCode };

/** Queries (or keys) that one workgroup holds: the `tileRows` that the kernels expect. */
export const ATTENTION_TILE_ROWS = 32;
/** Assumed for `meanKeys` and `meanQueries` that the caller does not give: sequences of a few hundred tokens. */
export const UNKNOWN_EXTENT = 256;

/**
 * One prompt, one response or one plain sequence in a packed batch; token indices, ends exclusive. Query i sees keys
 * [promptStart, promptEnd) and [start, i]; key j is seen by queries [j, visibleEnd).
 */
export interface Segment {
  readonly start: number;
  readonly end: number;
  /** The prompt that a response continues; promptStart = promptEnd = start for a prompt or a plain sequence. */
  readonly promptStart: number;
  readonly promptEnd: number;
  /** The segment's end, or for a prompt the end of its group. */
  readonly visibleEnd: number;
}

/** Sizes that every attention kernel here takes. */
export interface AttentionSizes {
  /** H; a multiple of K. Head h reads key-value head floor(h / (H / K)). */
  readonly heads: number;
  /** K. */
  readonly kvHeads: number;
  /** D, a multiple of 4 in 16..128. */
  readonly headSize: number;
  /** Factor of the scores, usually 1 / sqrt(D). */
  readonly scale: number;
}

/**
 * Tiles u32[T,8] = (start, count, promptStart, promptEnd, segmentStart, visibleEnd, 0, 0) of at most `tileRows` tokens.
 * A tile lies in one segment and starts a multiple of `tileRows` after it, so that rounding does not depend on where in
 * the batch a segment is. Empty segments have no tiles.
 */
export function attentionTiles(
  segments: readonly Segment[],
  tileRows = ATTENTION_TILE_ROWS,
): Uint32Array<ArrayBuffer> {
  const words: number[] = [];
  for (const { start, end, promptStart, promptEnd, visibleEnd } of segments) {
    for (let at = start; at < end; at += tileRows) {
      words.push(at, Math.min(tileRows, end - at), promptStart, promptEnd, start, visibleEnd, 0, 0);
    }
  }
  return Uint32Array.from(words);
}

/** How many times longer a flop of attention takes than one of a matrix product (measured on a software adapter). */
export const SLOWNESS = 12;

/** How long the kernels walk on average: what the work of a dispatch is estimated from. */
export interface AttentionExtents {
  /** Mean keys that a tile of queries walks. */
  readonly meanKeys?: number | undefined;
  /** Mean queries that a tile of keys walks. */
  readonly meanQueries?: number | undefined;
}

/** Means over the tiles of `segments`. */
export function attentionExtents(segments: readonly Segment[]): Required<AttentionExtents> {
  const tiles = attentionTiles(segments);
  let keys = 0;
  let queries = 0;
  for (let at = 0; at < tiles.length; at += 8) {
    const [start = 0, count = 0, promptStart = 0, promptEnd = 0, segmentStart = 0, visibleEnd = 0] =
      tiles.subarray(at, at + 6);
    keys += promptEnd - promptStart + start + count - segmentStart;
    queries += visibleEnd - start;
  }
  const count = Math.max(1, tiles.length / 8);
  return { meanKeys: keys / count, meanQueries: queries / count };
}

/** Keys that query i of `segment` sees, in order. */
export function* visibleKeys(segment: Segment, i: number): Generator<number> {
  for (let j = segment.promptStart; j < segment.promptEnd; j++) yield j;
  for (let j = segment.start; j <= i; j++) yield j;
}

/** out [N,H*D] and lse [N,H] (natural log) of qkv [N,(H+2K)*D]; rows outside all segments stay 0. */
export function attentionReference(
  qkv: Float32Array,
  segments: readonly Segment[],
  { heads, kvHeads, headSize, scale }: AttentionSizes,
): { out: Float32Array; lse: Float32Array } {
  const stride = (heads + 2 * kvHeads) * headSize;
  const out = new Float32Array((qkv.length / stride) * heads * headSize);
  const lse = new Float32Array((qkv.length / stride) * heads);
  for (const segment of segments) {
    for (let i = segment.start; i < segment.end; i++) {
      for (let h = 0; h < heads; h++) {
        const kAt = (heads + Math.floor((h * kvHeads) / heads)) * headSize;
        const keys = [...visibleKeys(segment, i)];
        const scores = keys.map(
          (j) => scale * dot(qkv, i * stride + h * headSize, qkv, j * stride + kAt, headSize),
        );
        const peak = scores.reduce((a, b) => Math.max(a, b), -Infinity);
        const sum = scores.reduce((total, s) => total + Math.exp(s - peak), 0);
        lse[i * heads + h] = peak + Math.log(sum);
        for (let d = 0; d < headSize; d++) {
          let value = 0;
          keys.forEach((j, n) => {
            value += (Math.exp(scores[n]! - peak) / sum) * qkv[j * stride + kAt + kvHeads * headSize + d]!;
          });
          out[(i * heads + h) * headSize + d] = value;
        }
      }
    }
  }
  return { out, lse };
}

/** a[at ..] . b[bt ..] over `count` elements, in float64. */
export function dot(a: Float32Array, at: number, b: Float32Array, bt: number, count: number): number {
  let sum = 0;
  for (let d = 0; d < count; d++) sum += a[at + d]! * b[bt + d]!;
  return sum;
}

/** Throws BugError for sizes that the attention kernels do not take. */
export function checkAttentionSizes({ heads, kvHeads, headSize }: AttentionSizes): void {
  if (headSize % 4 !== 0 || headSize < 16 || headSize > 128) {
    throw new BugError(`attention head size is ${headSize}: the kernels take multiples of 4 from 16 to 128`);
  }
  if (heads % kvHeads !== 0)
    throw new BugError(`attention has ${heads} heads for ${kvHeads} key-value heads: not a multiple`);
}

/** Groups of four channels per thread, which WGSL wants at compile time: a tile row is shared by eight threads. */
export const attentionConsts = (headSize: number): { THREAD_QUADS: number } => ({
  THREAD_QUADS: Math.ceil(headSize / 32),
});

export interface AttentionArgs extends AttentionSizes, AttentionExtents {
  /** Queries, keys, values by column, rope applied, f32[N,(H+2K)*D]. */
  readonly qkv: Tensor;
  /** From `attentionTiles`, u32[T,8]. */
  readonly tiles: Tensor;
  /** Tiles in use, at most T. */
  readonly tileCount: number;
  /** Output, f32[N,H*D]; rows in no tile are left alone. */
  readonly out: Tensor;
  /** Natural log-sum-exp of the scaled scores, f32[N,H]; kept for backward. */
  readonly lse: Tensor;
}

/** Records out [N,H*D] and lse [N,H] of packed attention over qkv [N,(H+2K)*D]. */
export function attention(recorder: Recorder, args: AttentionArgs): void {
  checkAttentionSizes(args);
  const {
    qkv,
    tiles,
    tileCount,
    out,
    lse,
    meanKeys = UNKNOWN_EXTENT,
    heads,
    kvHeads,
    headSize,
    scale,
  } = args;
  const kernel = recorder.gpu.compiler.kernel(SHADER, "forward", { consts: attentionConsts(headSize) });
  const work = SLOWNESS * 4 * ATTENTION_TILE_ROWS * meanKeys * headSize;
  recorder.split(tileCount * heads, work, (first, count) => {
    recorder.dispatch({
      kernel,
      params: { first, items: first + count, heads, kv_heads: kvHeads, head_quads: headSize / 4, scale },
      tensors: { qkv, tiles, out, lse },
      workgroups: grid(count),
      work: work * count,
    });
  });
}
