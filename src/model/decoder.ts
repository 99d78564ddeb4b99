// One token for every row: prefill of prompts into the cache through the training forward, then decode steps on the
// live weights. Rows are slots; what occupies them and when they are replaced is decided in rollout/.

import { BugError, UserError } from "../common/errors.ts";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { kvStorePrompt } from "../ops/kv-cache.ts";
import type { DecoderConfig } from "./config.ts";
import type { DecodeMemory, RolloutSizes } from "./decode-memory.ts";
import { HISTORY_STEPS, MAX_STOP_TOKENS, ROW_STATE_WORDS } from "./decode-memory.ts";
import type { SamplingOptions } from "./decode-step.ts";
import { decodeStep } from "./decode-step.ts";
import { packGroups } from "./packing.ts";
import type { Policy } from "./policy.ts";

/** What a row is given to do. */
export interface RowStart {
  readonly row: number;
  readonly promptSlot: number;
  readonly prompt: readonly number[];
  /** Names the response to the random generator: same key, same seed, same response. */
  readonly key: number;
  readonly maxNew: number;
}

/** Tokens of a few steps, [steps][rows]; `NO_TOKEN` where the row was idle. */
export interface DecodedSteps {
  readonly steps: number;
  readonly tokens: Uint32Array;
  readonly logProbs: Float32Array;
}

export const NO_TOKEN = 0xffffffff;

/** Decodes on a policy that was planned with rollout sizes. */
export class Decoder {
  readonly #policy: Policy;
  readonly #recorder: Recorder;
  readonly #memory: DecodeMemory;

  constructor(policy: Policy) {
    if (!policy.memory.decode) throw new BugError("the policy was planned without rollout sizes");
    this.#policy = policy;
    this.#recorder = policy.recorder;
    this.#memory = policy.memory.decode;
  }

  /** Makes every row idle and sets the tokens that end a response (at most 8). */
  reset(stopTokens: readonly number[]): void {
    this.#recorder.write(this.#memory.stopTokens, stopWords(stopTokens));
    this.#recorder.clear(this.#memory.state);
  }

  /**
   * Computes keys and values of prompts and stores them in their slots. The last prompt token is left to the first
   * decode step. Throws UserError when a prompt is longer than the plan.
   */
  prefill(
    prompts: readonly { readonly slot: number; readonly tokens: readonly number[] }[],
    useAdapter: boolean,
  ): void {
    for (const { tokens } of prompts) checkPrompt(tokens, this.#memory.sizes, this.#policy.config);
    const groups = prompts
      .filter(({ tokens }) => tokens.length > 1)
      .map(({ slot, tokens }) => ({ slot, prompt: tokens.slice(0, -1), responses: [[0]] }));
    let next = 0;
    for (const batch of packGroups(groups, this.#policy.options.tokenBudget)) {
      const slots = batch.segments.map(() => groups[next++]!.slot);
      this.#policy.memory.batch.load(this.#recorder, batch);
      this.#recorder.write(
        this.#memory.slotOf,
        Uint32Array.from(
          batch.segments.flatMap(({ start, end }, i) => Array<number>(end - start).fill(slots[i]!)),
        ),
      );
      this.#recorder.write(this.#memory.placeOf, batch.positions);
      this.#policy.layersForward(useAdapter, (layer, qkv) =>
        this.#storePrompt(layer, qkv, batch.tokens.length),
      );
    }
  }

  #storePrompt(layer: number, qkv: Tensor, rows: number): void {
    const { heads, kvHeads, headSize } = this.#policy.config;
    const { promptCache, slotOf, placeOf, sizes } = this.#memory;
    kvStorePrompt(this.#recorder, {
      qkv,
      slotOf,
      positionOf: placeOf,
      promptCache: promptCache[layer]!,
      rows,
      maxPrompt: sizes.maxPrompt,
      heads,
      kvHeads,
      headSize,
    });
  }

  /** Starts a response in a row whose prompt has been prefilled. */
  start({ row, promptSlot, prompt, key, maxNew }: RowStart): void {
    const last = prompt.length - 1;
    const state = Uint32Array.of(
      prompt[last]!,
      last,
      promptSlot,
      last,
      0,
      key,
      1,
      Math.min(maxNew, this.#memory.sizes.maxNew),
    );
    this.#recorder.write(this.#memory.state, state, 4 * ROW_STATE_WORDS * row);
  }

  /** Runs `steps` decode steps (at most 32) over the first `rows` rows and reads what they chose. */
  async decode(
    steps: number,
    rows: number,
    sampling: SamplingOptions,
    useAdapter: boolean,
  ): Promise<DecodedSteps> {
    if (steps > HISTORY_STEPS)
      throw new BugError(`${steps} decode steps at once; the history holds ${HISTORY_STEPS}`);
    for (let step = 0; step < steps; step++) decodeStep(this.#policy, { step, rows, sampling, useAdapter });
    const { history, tokens, logProbs } = this.#memory;
    const bytes = await this.#recorder.read(history);
    return {
      steps,
      tokens: new Uint32Array(bytes, tokens.offset, steps * rows),
      logProbs: new Float32Array(bytes, logProbs.offset, steps * rows),
    };
  }
}

/** Throws UserError when a prompt is empty, longer than the plan, or holds a token that the vocabulary does not have. */
export function checkPrompt(
  tokens: readonly number[],
  { maxPrompt }: Pick<RolloutSizes, "maxPrompt">,
  { vocab }: Pick<DecoderConfig, "vocab">,
): void {
  if (tokens.length === 0) throw new UserError("A prompt is empty: give it at least one token.");
  if (tokens.length > maxPrompt) {
    throw new UserError(
      `A prompt has ${tokens.length} tokens and the plan allows ${maxPrompt}: raise data.max_prompt_length or leave the problem out.`,
    );
  }
  const stranger = tokens.find((token) => !(token >= 0 && token < vocab));
  if (stranger !== undefined) {
    throw new UserError(
      `Token ${stranger} of a prompt is not in the model's vocabulary of ${vocab}: tokenizer and model do not belong together.`,
    );
  }
}

/** The tokens that end a response as the sampler reads them, u32[8]. Throws UserError when there are more. */
export function stopWords(stopTokens: readonly number[]): Uint32Array<ArrayBuffer> {
  if (stopTokens.length > MAX_STOP_TOKENS) {
    throw new UserError(
      `${stopTokens.length} stop tokens were given; at most ${MAX_STOP_TOKENS} are supported.`,
    );
  }
  return Uint32Array.from({ length: MAX_STOP_TOKENS }, (_, i) => stopTokens[i] ?? NO_TOKEN);
}
