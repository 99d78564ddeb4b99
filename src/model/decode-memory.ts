// Device memory of decoding: one token per row and step, the keys and values of prompts and responses, and the row
// state that kernels advance on their own.

import type { Allocator, Tensor } from "../gpu/index.ts";
import { view } from "../gpu/index.ts";
import type { DecoderConfig } from "./config.ts";
import type { Adapter } from "./lora.ts";
import { LINEARS } from "./weights.ts";

/** Sizes of rollouts; absent when a policy only trains. */
export interface RolloutSizes {
  /** Responses decoded side by side. */
  readonly rows: number;
  /** Prompts whose keys and values are held at once. */
  readonly promptSlots: number;
  /** Longest prompt, tokens. */
  readonly maxPrompt: number;
  /** Longest response, tokens. */
  readonly maxNew: number;
}

/** Words of a row's state: token, position, promptSlot, promptLength, cached, key, active, remaining. */
export const ROW_STATE_WORDS = 8;
/** Decode steps whose tokens are kept on the device before they are read. */
export const HISTORY_STEPS = 32;
/** Ids that may end a response. */
export const MAX_STOP_TOKENS = 8;

/** R rows, L layers, V vocabulary, C hidden. */
export interface DecodeMemory {
  readonly sizes: RolloutSizes;
  /** u32[R,8]. */
  readonly state: Tensor;
  /** u32[8], unused entries 0xffffffff. */
  readonly stopTokens: Tensor;
  /** Sampled tokens u32[S,R] and their log-probabilities f32[S,R], side by side in `history` for one read. */
  readonly history: Tensor;
  readonly tokens: Tensor;
  readonly logProbs: Tensor;
  /** Per layer: keys and values of prompts [slots,maxPrompt,2*K*D] and of rows [R,maxNew,2*K*D]. */
  readonly promptCache: readonly Tensor[];
  readonly rowCache: readonly Tensor[];
  /** For each packed prompt token, its prompt slot and its place there, u32[N]. */
  readonly slotOf: Tensor;
  readonly placeOf: Tensor;
  readonly h: Tensor;
  readonly h2: Tensor;
  readonly x: Tensor;
  readonly rstd: Tensor;
  readonly delta: Tensor;
  readonly qkv: Tensor;
  readonly attended: Tensor;
  readonly gateUp: Tensor;
  readonly gated: Tensor;
  readonly u: Tensor;
  /** Logits of the step, [R,V]. */
  readonly logits: Tensor;
}

/** Allocates the tensors of decoding. */
export function allocateDecode(
  allocator: Allocator,
  config: DecoderConfig,
  adapter: Adapter | undefined,
  sizes: RolloutSizes,
): DecodeMemory {
  const { rows, promptSlots, maxPrompt, maxNew } = sizes;
  const { layers, hidden, heads, kvHeads, headSize, intermediate, vocab } = config;
  const kv = 2 * kvHeads * headSize;
  const make = (label: string, ...shape: number[]): Tensor =>
    allocator.tensor("kvCache", `decode.${label}`, shape);
  const index = (label: string, ...shape: number[]): Tensor =>
    allocator.tensor("kvCache", `decode.${label}`, shape, "u32");
  const perLayer = (label: string, ...shape: number[]): Tensor[] =>
    Array.from({ length: layers }, (_, i) => make(`${label}.${i}`, ...shape));
  // Views start at multiples of 64 elements.
  const half = Math.ceil((HISTORY_STEPS * rows) / 64) * 64;
  const history = index("history", 2 * half);
  const columns = Math.max(
    1,
    ...(adapter?.layers[0] ? LINEARS.map((name) => adapter.layers[0]![name]?.columns ?? 0) : []),
  );
  return {
    sizes,
    state: index("state", rows, ROW_STATE_WORDS),
    stopTokens: index("stopTokens", MAX_STOP_TOKENS),
    history,
    tokens: view(history, 0, [HISTORY_STEPS * rows], "decode.tokens"),
    logProbs: { ...view(history, half, [HISTORY_STEPS * rows], "decode.logProbs"), type: "f32" },
    promptCache: perLayer("promptCache", promptSlots, maxPrompt, kv),
    rowCache: perLayer("rowCache", rows, maxNew, kv),
    slotOf: index("slotOf", promptSlots * maxPrompt),
    placeOf: index("placeOf", promptSlots * maxPrompt),
    h: make("h", rows, hidden),
    h2: make("h2", rows, hidden),
    x: make("x", rows, hidden),
    rstd: make("rstd", rows),
    delta: make("delta", rows, hidden),
    qkv: make("qkv", rows, (heads + 2 * kvHeads) * headSize),
    attended: make("attended", rows, heads * headSize),
    gateUp: make("gateUp", rows, 2 * intermediate),
    gated: make("gated", rows, intermediate),
    u: make("u", rows, columns),
    logits: make("logits", rows, vocab),
  };
}
