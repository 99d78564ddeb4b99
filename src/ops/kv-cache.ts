// Filling the key-value caches: CPU references first, then the launchers of shaders/kv_cache.wgsl. Prompts have slots that
// the rows of a group share; what a row has produced itself lies in its own cache.

import kvCacheCode from "../../shaders/kv_cache.wgsl?raw";
import { BugError } from "../common/errors.ts";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ceilDiv, ELEMENT_WORK, grid } from "../gpu/index.ts";

const SHADER = { name: "kv_cache", code: kvCacheCode };

/** `slotOf` of a token whose key and value are not kept. */
export const NO_SLOT = 0xffffffff;

export interface HeadSizes {
  /** H. */
  readonly heads: number;
  /** K. */
  readonly kvHeads: number;
  /** D, a multiple of 4. */
  readonly headSize: number;
}

/** Writes k, v of qkv [R,(H+2K)*D] to rowCache [R,maxNew,2K*D] at the `cached` of state [R,8], for active rows. */
export function kvAppendReference(
  qkv: Float32Array,
  state: Uint32Array,
  rowCache: Float32Array,
  maxNew: number,
  { heads, kvHeads, headSize }: HeadSizes,
): void {
  const width = 2 * kvHeads * headSize;
  const stride = heads * headSize + width;
  for (let row = 0; row < qkv.length / stride; row++) {
    const cached = state[8 * row + 4]!;
    if (state[8 * row + 6] === 0 || cached >= maxNew) continue;
    rowCache.set(
      qkv.subarray((row + 1) * stride - width, (row + 1) * stride),
      (row * maxNew + cached) * width,
    );
  }
}

/** Writes k, v of qkv [N,(H+2K)*D] to promptCache [slots,maxPrompt,2K*D] at slotOf [N], positionOf [N]. */
export function kvStorePromptReference(
  qkv: Float32Array,
  slotOf: Uint32Array,
  positionOf: Uint32Array,
  promptCache: Float32Array,
  maxPrompt: number,
  { heads, kvHeads, headSize }: HeadSizes,
): void {
  const width = 2 * kvHeads * headSize;
  const stride = heads * headSize + width;
  for (const [n, slot] of slotOf.entries()) {
    if (slot === NO_SLOT || positionOf[n]! >= maxPrompt) continue;
    promptCache.set(
      qkv.subarray((n + 1) * stride - width, (n + 1) * stride),
      (slot * maxPrompt + positionOf[n]!) * width,
    );
  }
}

export interface KvAppendArgs extends HeadSizes {
  /** Rope applied, f32[R,(H+2K)*D]. */
  readonly qkv: Tensor;
  /** Row states, u32[R,8]. */
  readonly state: Tensor;
  /** One layer's cache, f32[R,maxNew,2K*D]: k columns, then v columns. */
  readonly rowCache: Tensor;
  /** R, or fewer: rows beyond are left alone. */
  readonly rows: number;
  readonly maxNew: number;
}

/** Records rowCache[r, cached] = k, v of row r, for active rows. */
export function kvAppend(
  recorder: Recorder,
  { qkv, state, rowCache, rows, maxNew, ...sizes }: KvAppendArgs,
): void {
  record(recorder, "append", { qkv, state, cache: rowCache }, rows, maxNew, sizes);
}

export interface KvStorePromptArgs extends HeadSizes {
  /** Of packed tokens, rope applied, f32[N,(H+2K)*D]. */
  readonly qkv: Tensor;
  /** Prompt slot of every token, `NO_SLOT` for none, u32[N]. */
  readonly slotOf: Tensor;
  /** Place within the prompt, u32[N]. */
  readonly positionOf: Tensor;
  /** One layer's cache, f32[slots,maxPrompt,2K*D]: k columns, then v columns. */
  readonly promptCache: Tensor;
  /** N, or fewer. */
  readonly rows: number;
  readonly maxPrompt: number;
}

/** Records promptCache[slotOf[n], positionOf[n]] = k, v of token n. */
export function kvStorePrompt(recorder: Recorder, args: KvStorePromptArgs): void {
  const { qkv, slotOf, positionOf, promptCache, rows, maxPrompt } = args;
  record(
    recorder,
    "store_prompt",
    { qkv, slot_of: slotOf, position_of: positionOf, cache: promptCache },
    rows,
    maxPrompt,
    args,
  );
}

function record(
  recorder: Recorder,
  entry: "append" | "store_prompt",
  tensors: Readonly<Record<string, Tensor>>,
  rows: number,
  positions: number,
  { heads, kvHeads, headSize }: HeadSizes,
): void {
  if (headSize % 4 !== 0) throw new BugError(`head size is ${headSize}: the caches take multiples of 4`);
  const kernel = recorder.gpu.compiler.kernel(SHADER, entry);
  const quads = (rows * 2 * kvHeads * headSize) / 4;
  recorder.dispatch({
    kernel,
    params: { rows, positions, heads, kv_heads: kvHeads, head_quads: headSize / 4 },
    tensors,
    workgroups: grid(ceilDiv(quads, kernel.workgroupSize)),
    work: ELEMENT_WORK * 4 * quads,
  });
}
