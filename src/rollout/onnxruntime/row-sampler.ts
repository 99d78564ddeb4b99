// The next token of every row out of ONNX Runtime's logits, by the kernel that samples for our own decoder: the same random
// numbers for the same seed, response and place, and log-probabilities after the temperature.

import type * as ort from "onnxruntime-web";

import { fromHalves } from "../../common/f16.ts";
import type { Allocator, Recorder, Tensor } from "../../gpu/index.ts";
import { view } from "../../gpu/index.ts";
import { MAX_STOP_TOKENS, ROW_STATE_WORDS } from "../../model/decode-memory.ts";
import type { SamplingOptions } from "../../model/decode-step.ts";
import type { DecodedSteps } from "../../model/decoder.ts";
import { stopWords } from "../../model/decoder.ts";
import { widen } from "../../ops/halves.ts";
import { sample } from "../../ops/sampling.ts";
import { bufferOf } from "./cache.ts";

/** Views start at multiples of this many elements. */
const ALIGN = 64;

/** R rows, V vocabulary. */
export interface SamplerMemory {
  /** u32[R,8] as shaders/sampling.wgsl has it; what concerns caches stays zero. */
  readonly state: Tensor;
  readonly stopTokens: Tensor;
  /** f32[R,V]. */
  readonly logits: Tensor;
  /** f16[R,V], where a graph's logits are halves. */
  readonly halves: Tensor;
  readonly history: Tensor;
  readonly tokens: Tensor;
  readonly logProbs: Tensor;
}

/** Allocates what sampling from another engine's logits takes. */
export function allocateSampler(allocator: Allocator, rows: number, vocab: number): SamplerMemory {
  const words = (label: string, ...shape: number[]): Tensor =>
    allocator.tensor("onnxRuntime", `sampler.${label}`, shape, "u32");
  const half = Math.ceil(rows / ALIGN) * ALIGN;
  const history = words("history", 2 * half);
  return {
    state: words("state", rows, ROW_STATE_WORDS),
    stopTokens: words("stopTokens", MAX_STOP_TOKENS),
    logits: allocator.tensor("onnxRuntime", "sampler.logits", [rows, vocab]),
    halves: allocator.tensor("onnxRuntime", "sampler.halves", [rows, vocab], "f16"),
    history,
    tokens: view(history, 0, [rows], "sampler.tokens"),
    logProbs: { ...view(history, half, [rows], "sampler.logProbs"), type: "f32" },
  };
}

/** What the sampler must know of a row. */
export interface SampledRow {
  readonly key: number;
  /** Tokens that its response has. */
  readonly length: number;
  /** Tokens that it may still get. */
  readonly remaining: number;
}

export class RowSampler {
  readonly #recorder: Recorder;
  readonly #memory: SamplerMemory;
  readonly #vocab: number;

  constructor(recorder: Recorder, memory: SamplerMemory, vocab: number) {
    this.#recorder = recorder;
    this.#memory = memory;
    this.#vocab = vocab;
  }

  /** Sets the tokens that end a response. Throws UserError when there are too many. */
  reset(stopTokens: readonly number[]): void {
    this.#recorder.write(this.#memory.stopTokens, stopWords(stopTokens));
  }

  /** Sets what the rows of a new batch write. */
  start(rows: readonly SampledRow[]): void {
    const state = rows.flatMap(({ key, length, remaining }) => [0, 0, 0, 0, length, key, 1, remaining]);
    this.#recorder.write(this.#memory.state, Uint32Array.from(state));
  }

  /** One token for each row of `logits` [rows,1,V]; rows that have ended get none. */
  async sample(logits: ort.Tensor, rows: number, sampling: SamplingOptions): Promise<DecodedSteps> {
    const { state, stopTokens, history, tokens, logProbs } = this.#memory;
    this.#take(logits, rows);
    sample(this.#recorder, {
      logits: this.#memory.logits,
      state,
      stopTokens,
      tokens,
      logProbs,
      rows,
      vocab: this.#vocab,
      step: 0,
      ...sampling,
    });
    const bytes = await this.#recorder.read(history);
    return {
      steps: 1,
      tokens: new Uint32Array(bytes, tokens.offset, rows),
      logProbs: new Float32Array(bytes, logProbs.offset, rows),
    };
  }

  /** Copies logits to where the kernel reads them, in single precision. */
  #take(tensor: ort.Tensor, rows: number): void {
    const recorder = this.#recorder;
    const { logits, halves } = this.#memory;
    const count = rows * this.#vocab;
    const isHalf = tensor.type === "float16";
    if (tensor.location !== "gpu-buffer") {
      const data = tensor.data as Float32Array<ArrayBuffer>;
      // A browser may hand out halves as numbers: their bits are what is the same everywhere.
      const bits = (): Uint16Array => new Uint16Array(data.buffer, data.byteOffset, count);
      recorder.write(logits, isHalf ? fromHalves(bits()) : data);
      return;
    }
    const target = isHalf ? halves : logits;
    recorder.copyRange(bufferOf(tensor, target), 0, target, 0, Math.ceil(count / (isHalf ? 2 : 1)) * 4);
    if (isHalf) widen(recorder, { x: halves, y: logits, count });
  }
}
