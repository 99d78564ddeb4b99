// A decoder's graph as a session that reads tokens into a key-value cache: inputs by name, batches padded on the side that
// the graph allows. Which tokens, and what becomes of the logits, is the caller's matter.

import type * as ort from "onnxruntime-web";

import { UserError } from "../../common/errors.ts";
import type { DecoderConfig } from "../../model/config.ts";
import type { CachedRow, CacheShape, KeyValueCache } from "./cache.ts";
import { presentCache } from "./cache.ts";
import type { BatchLayout } from "./layout.ts";
import type { OrtFeeds, OrtSession } from "./runtime.ts";

/** Logits of a prompt's tokens are computed and not needed; more elements than this (64 MB) are not held for them. */
export const PROMPT_LOGITS = 2 ** 24;
const LEAST_PIECE = 16;
/** What can be done where ONNX Runtime fails. */
export const WITHOUT_IT = "To go on without it, set gradus.rollout_engine to wgsl.";

export interface Step {
  /** [R,1,V]; to be disposed of. */
  readonly logits: ort.Tensor;
  readonly cache: KeyValueCache;
}

export class DecoderSession {
  readonly cacheShape: CacheShape;
  readonly #session: OrtSession;
  readonly #layout: BatchLayout;
  /** Tokens of prompts in one run. */
  readonly #together: number;
  readonly #takesPositions: boolean;

  constructor(session: OrtSession, layout: BatchLayout, config: DecoderConfig) {
    const { layers, kvHeads, headSize, vocab } = config;
    const past = session.inputs.find(({ name }) => name.startsWith("past_key_values."));
    this.cacheShape = { layers, kvHeads, headSize, isHalf: past?.type === "float16" };
    this.#session = session;
    this.#layout = layout;
    this.#together = Math.max(LEAST_PIECE, Math.floor(PROMPT_LOGITS / vocab));
    this.#takesPositions = session.inputs.some(({ name }) => name === "position_ids");
  }

  /**
   * Keys and values of sequences, as rows of caches that several may share. Those read together are filled up at their ends
   * and all taken for real: no token sees what comes after it, so the fill changes nothing before it. Stops at `signal`.
   */
  async readPrompts(
    prompts: readonly (readonly number[])[],
    empty: (rows: number) => KeyValueCache,
    weights: OrtFeeds,
    signal: AbortSignal | undefined,
  ): Promise<CachedRow[]> {
    const read: CachedRow[] = [];
    try {
      for (const members of promptBatches(prompts, this.#together)) {
        signal?.throwIfAborted();
        const cache = await this.#readTogether(
          members.map((i) => prompts[i]!),
          empty(members.length),
          weights,
        );
        for (const [row, i] of members.entries())
          read[i] = { cache, row, first: 0, length: prompts[i]!.length };
      }
      return read;
    } catch (error) {
      new Set(read.filter(Boolean).map(({ cache }) => cache)).forEach((cache) => cache.dispose());
      throw error;
    }
  }

  /** Reads one batch; several sequences in one run, since graphs take more tokens after a cache for one row alone. */
  async #readTogether(
    prompts: readonly (readonly number[])[],
    before: KeyValueCache,
    weights: OrtFeeds,
  ): Promise<KeyValueCache> {
    const rows = prompts.length;
    const total = Math.max(...prompts.map(({ length }) => length));
    const most = rows > 1 || !this.#layout.readsInPieces ? total : this.#together;
    let cache = before;
    for (let start = 0; start < total; start += most) {
      const end = Math.min(total, start + most);
      const places = Array.from({ length: end - start }, (_, i) => start + i);
      const tokens = prompts.flatMap((prompt) => places.map((i) => prompt[i] ?? prompt.at(-1) ?? 0));
      const mask = Array.from({ length: rows * end }, () => 1);
      const positions = prompts.flatMap(() => places);
      const next = await this.#run({ tokens, mask, positions, rows, cache, weights });
      next.logits.dispose();
      cache = next.cache;
    }
    return cache;
  }

  /** One more token for every row. `lengths` are the entries that rows have in `cache`, which is used up. */
  step(
    tokens: readonly number[],
    lengths: readonly number[],
    cache: KeyValueCache,
    weights: OrtFeeds,
  ): Promise<Step> {
    const total = cache.capacity + 1;
    const isFirst = this.#layout.side === "first";
    const mask = lengths.flatMap((length) =>
      Array.from({ length: total }, (_, i) => Number(isFirst ? i <= length : i >= total - 1 - length)),
    );
    return this.#run({ tokens, mask, positions: lengths, rows: tokens.length, cache, weights });
  }

  async #run({ tokens, mask, positions, rows, cache, weights }: RunArgs): Promise<Step> {
    const ids = (values: readonly number[]): ort.Tensor =>
      this.#session.int64(values, [rows, values.length / rows]);
    try {
      const outputs = await this.#session.run({
        input_ids: ids(tokens),
        attention_mask: ids(mask),
        ...(this.#takesPositions && { position_ids: ids(positions) }),
        ...Object.fromEntries(cache.tensors),
        ...weights,
      });
      return { logits: outputs["logits"]!, cache: presentCache(outputs, this.cacheShape) };
    } catch (cause) {
      if (!(cause instanceof UserError)) throw cause;
      throw new UserError(`${cause.message} ${WITHOUT_IT}`, { cause });
    } finally {
      cache.dispose();
    }
  }
}

interface RunArgs {
  /** [rows,T] */
  readonly tokens: readonly number[];
  /** [rows,entries and T] */
  readonly mask: readonly number[];
  /** [rows,T] */
  readonly positions: readonly number[];
  readonly rows: number;
  readonly cache: KeyValueCache;
  readonly weights: OrtFeeds;
}

/** Prompts that are read together, by their places: the shortest first, at most `most` tokens when filled up, or one alone. */
function promptBatches(prompts: readonly (readonly number[])[], most: number): number[][] {
  const batches: number[][] = [];
  const byLength = prompts.map((_, i) => i).toSorted((a, b) => prompts[a]!.length - prompts[b]!.length);
  for (const i of byLength) {
    const last = batches.at(-1);
    if (last && (last.length + 1) * prompts[i]!.length <= most) last.push(i);
    else batches.push([i]);
  }
  return batches;
}
