// Gradient of attention over packed batches: CPU reference first, then the launcher of shaders/attention_backward.wgsl.
// Knows segments and tiles from attention.ts; does not undo rope.

import attentionBackwardCode from "../../shaders/attention_backward.wgsl?raw";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ceilDiv, ELEMENT_WORK, grid } from "../gpu/index.ts";
import type { AttentionArgs, AttentionSizes, Segment } from "./attention.ts";
import {
  ATTENTION_TILE_ROWS,
  attentionConsts,
  attentionReference,
  checkAttentionSizes,
  dot,
  SLOWNESS,
  UNKNOWN_EXTENT,
  visibleKeys,
} from "./attention.ts";

const SHADER = { name: "attention_backward", code: attentionBackwardCode };

/** dqkv [N,(H+2K)*D] for dOut [N,H*D], of attention over qkv [N,(H+2K)*D]. */
export function attentionBackwardReference(
  dOut: Float32Array,
  qkv: Float32Array,
  segments: readonly Segment[],
  sizes: AttentionSizes,
): Float32Array {
  const { heads, kvHeads, headSize, scale } = sizes;
  const stride = (heads + 2 * kvHeads) * headSize;
  const { out, lse } = attentionReference(qkv, segments, sizes);
  const dqkv = new Float64Array(qkv.length);
  for (const segment of segments) {
    for (let i = segment.start; i < segment.end; i++) {
      for (let h = 0; h < heads; h++) {
        const row = i * heads + h;
        const q = i * stride + h * headSize;
        const delta = dot(dOut, row * headSize, out, row * headSize, headSize);
        for (const j of visibleKeys(segment, i)) {
          const k = j * stride + (heads + Math.floor((h * kvHeads) / heads)) * headSize;
          const v = k + kvHeads * headSize;
          const p = Math.exp(scale * dot(qkv, q, qkv, k, headSize) - lse[row]!);
          const ds = p * (dot(dOut, row * headSize, qkv, v, headSize) - delta) * scale;
          for (let d = 0; d < headSize; d++) {
            dqkv[q + d]! += ds * qkv[k + d]!;
            dqkv[k + d]! += ds * qkv[q + d]!;
            dqkv[v + d]! += p * dOut[row * headSize + d]!;
          }
        }
      }
    }
  }
  return Float32Array.from(dqkv);
}

export interface AttentionBackwardArgs extends AttentionArgs {
  /** N, tokens of the batch; all of them lie in tiles. */
  readonly rows: number;
  /** Gradient of the output, f32[N,H*D]. */
  readonly dOut: Tensor;
  /** Scratch, f32[N,H]. */
  readonly delta: Tensor;
  /** Gradient of qkv, f32[N,(H+2K)*D], assigned; rows in no tile are left alone. */
  readonly dqkv: Tensor;
}

/** Records dqkv [N,(H+2K)*D] = gradient of `attention`, from its out and lse and from dOut [N,H*D]. */
export function attentionBackward(recorder: Recorder, args: AttentionBackwardArgs): void {
  checkAttentionSizes(args);
  const { qkv, tiles, tileCount, out, lse, dOut, delta, dqkv, rows } = args;
  const { heads, kvHeads, headSize, scale, meanKeys = UNKNOWN_EXTENT, meanQueries = UNKNOWN_EXTENT } = args;
  const sizes = { heads, kv_heads: kvHeads, head_quads: headSize / 4, scale };
  const kernel = (entry: string) =>
    recorder.gpu.compiler.kernel(SHADER, entry, { consts: attentionConsts(headSize) });
  recorder.dispatch({
    kernel: kernel("delta_forward"),
    params: { first: 0, items: rows * heads, ...sizes },
    tensors: { out, dout: dOut, delta },
    workgroups: grid(ceilDiv(rows * heads, 64)),
    work: ELEMENT_WORK * rows * heads * headSize,
  });
  const queryWork = SLOWNESS * 6 * ATTENTION_TILE_ROWS * meanKeys * headSize;
  recorder.split(tileCount * heads, queryWork, (first, count) => {
    recorder.dispatch({
      kernel: kernel("query_backward"),
      params: { first, items: first + count, ...sizes },
      tensors: { qkv, tiles, lse, dout: dOut, delta, dqkv },
      workgroups: grid(count),
      work: queryWork * count,
    });
  });
  const keyWork = SLOWNESS * 8 * ATTENTION_TILE_ROWS * meanQueries * headSize * (heads / kvHeads);
  recorder.split(tileCount * kvHeads, keyWork, (first, count) => {
    recorder.dispatch({
      kernel: kernel("key_backward"),
      params: { first, items: first + count, ...sizes },
      tensors: { qkv, tiles, lse, dout: dOut, delta, dqkv },
      workgroups: grid(count),
      work: keyWork * count,
    });
  });
}
