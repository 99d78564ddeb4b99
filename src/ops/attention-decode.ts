// Attention of one new token per row over cached keys: CPU reference first, then the launcher of
// shaders/attention_decode.wgsl. The caches are filled by kv-cache.ts.

import attentionDecodeCode from "../../shaders/attention_decode.wgsl?raw";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ELEMENT_WORK, grid } from "../gpu/index.ts";
import type { AttentionSizes } from "./attention.ts";
import { checkAttentionSizes, dot } from "./attention.ts";

const SHADER = { name: "attention_decode", code: attentionDecodeCode };
/** Larger workgroups do not fit 16 KiB of workgroup memory with eight heads of 128. */
const MAX_WORKGROUP_SIZE = 128;
const MAX_GROUP_HEADS = 8;

/** Lengths of the caches' second axis. */
export interface CacheSizes {
  readonly maxPrompt: number;
  readonly maxNew: number;
}

/**
 * out [R,H*D] of qkv [R,(H+2K)*D] with row state [R,8] over promptCache [slots,maxPrompt,2K*D] and
 * rowCache [R,maxNew,2K*D], the current token's k and v already appended; 0 for inactive rows.
 */
export function attentionDecodeReference(
  qkv: Float32Array,
  state: Uint32Array,
  promptCache: Float32Array,
  rowCache: Float32Array,
  { heads, kvHeads, headSize, scale, maxPrompt, maxNew }: AttentionSizes & CacheSizes,
): Float32Array {
  const width = 2 * kvHeads * headSize;
  const stride = heads * headSize + width;
  const out = new Float32Array((qkv.length / stride) * heads * headSize);
  for (let row = 0; row < qkv.length / stride; row++) {
    const [, , slot = 0, promptLength = 0, cached = 0, , active] = state.subarray(8 * row, 8 * row + 8);
    if (active === 0) continue;
    const places = [
      ...Array.from({ length: promptLength }, (_, t) => ({
        cache: promptCache,
        at: (slot * maxPrompt + t) * width,
      })),
      ...Array.from({ length: cached + 1 }, (_, t) => ({ cache: rowCache, at: (row * maxNew + t) * width })),
    ];
    for (let h = 0; h < heads; h++) {
      const k = Math.floor((h * kvHeads) / heads) * headSize;
      const scores = places.map(
        ({ cache, at }) => scale * dot(qkv, row * stride + h * headSize, cache, at + k, headSize),
      );
      const peak = scores.reduce((a, b) => Math.max(a, b), -Infinity);
      const sum = scores.reduce((total, s) => total + Math.exp(s - peak), 0);
      for (let d = 0; d < headSize; d++) {
        const value = (total: number, s: number, t: number): number =>
          total + Math.exp(s - peak) * places[t]!.cache[places[t]!.at + k + kvHeads * headSize + d]!;
        out[(row * heads + h) * headSize + d] = scores.reduce(value, 0) / sum;
      }
    }
  }
  return out;
}

/** Query heads that one workgroup serves: the most, up to eight, that divide the heads of a key-value head. */
export function groupHeads(heads: number, kvHeads: number): number {
  let count = Math.min(MAX_GROUP_HEADS, heads / kvHeads);
  while ((heads / kvHeads) % count !== 0) count--;
  return count;
}

/** Threads for caches of at most `keys` keys: a short context does not fill a large workgroup, 32 always do. */
function workgroupSize(keys: number, largest: number): number {
  const enough = 2 ** Math.ceil(Math.log2(keys / 2));
  return Math.min(MAX_WORKGROUP_SIZE, largest, Math.max(32, enough));
}

export interface AttentionDecodeArgs extends AttentionSizes, CacheSizes {
  /** Rope applied, f32[R,(H+2K)*D]. */
  readonly qkv: Tensor;
  /** Row states, u32[R,8] = (token, position, promptSlot, promptLength, cached, key, active, remaining). */
  readonly state: Tensor;
  /** One layer's keys and values of prompts, f32[slots,maxPrompt,2K*D]. */
  readonly promptCache: Tensor;
  /** The same of responses, f32[R,maxNew,2K*D], the current token appended. */
  readonly rowCache: Tensor;
  /** Output, f32[R,H*D]; inactive rows are left alone. */
  readonly out: Tensor;
  /** R, or fewer: rows beyond are left alone. */
  readonly rows: number;
}

/** Records out [R,H*D] = attention of each active row over its prompt and its own tokens so far. */
export function attentionDecode(recorder: Recorder, args: AttentionDecodeArgs): void {
  checkAttentionSizes(args);
  const { qkv, state, promptCache, rowCache, out, rows, heads, kvHeads, headSize, maxPrompt, maxNew, scale } =
    args;
  const { compiler } = recorder.gpu;
  const group = groupHeads(heads, kvHeads);
  const chunks = heads / group;
  const kernel = compiler.kernel(SHADER, "decode", {
    overrides: { WORKGROUP_SIZE: workgroupSize(Math.max(maxPrompt, maxNew), compiler.workgroupSize) },
    consts: { GROUP_HEADS: group },
  });
  // Contexts are known on the device only: half of what the caches hold, each key and value read once a group.
  const work = ((maxPrompt + maxNew) / 2) * headSize * (4 * group + 2 * ELEMENT_WORK);
  recorder.split(rows * chunks, work, (first, count) => {
    recorder.dispatch({
      kernel,
      params: {
        first,
        items: first + count,
        heads,
        kv_heads: kvHeads,
        head_quads: headSize / 4,
        max_prompt: maxPrompt,
        max_new: maxNew,
        scale,
      },
      tensors: { qkv, state, prompt_cache: promptCache, row_cache: rowCache, out },
      workgroups: grid(count),
      work: work * count,
    });
  });
}
