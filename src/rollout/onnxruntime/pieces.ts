// ONNX Runtime on weights that are no ONNX file, or an adapter over such: a layer at a time, so that models of any size can be
// run, each layer and some rows of the head at once in memory. What it computes is what a float32 file of them would.

import { bands } from "../../common/bands.ts";
import { bytesOf } from "../../formats/encoded-file.ts";
import type { EncodedFile } from "../../formats/encoded-file.ts";
import { HEAD, headPiece, HIDDEN, layerPiece } from "../../formats/onnx/decoder-pieces.ts";
import type { Recorder } from "../../gpu/index.ts";
import type { DecoderConfig } from "../../model/config.ts";
import type { ParameterSource } from "../../model/parameters.ts";
import { rowReader } from "../../model/parameters.ts";
import { emptyCaches } from "./feeds.ts";
import type { OnnxLogProbs } from "./judge.ts";
import { nextLogProbs } from "./judge.ts";
import type { OrtBackend, OrtFeeds, OrtSession } from "./runtime.ts";
import { deviceOrHost, openOrtSession } from "./runtime.ts";

const EMBEDDING = "model.embed_tokens.weight";

export interface PiecesOptions {
  readonly recorder?: Recorder | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** As `onnxLogProbs`, of `weights` under Hugging Face's names. Rejects with the signal's reason when it is stopped. */
export const onnxLogProbsInPieces = (
  { config, weights }: { readonly config: DecoderConfig; readonly weights: ParameterSource },
  tokens: readonly number[],
  { recorder, signal }: PiecesOptions = {},
): Promise<OnnxLogProbs> =>
  deviceOrHost(recorder, async (on) => {
    const pieces = new Pieces(config, weights, tokens.length, { recorder: on, signal });
    const hidden = await pieces.layers(await pieces.embedded(tokens));
    const { logits, backend } = await pieces.head(hidden);
    return { logProbs: nextLogProbs(logits, config.vocab, tokens), backend };
  });

/** One pass over a sequence of `length` tokens, T. */
class Pieces {
  readonly #config: DecoderConfig;
  readonly #weights: ParameterSource;
  readonly #length: number;
  readonly #options: PiecesOptions;

  constructor(config: DecoderConfig, weights: ParameterSource, length: number, options: PiecesOptions) {
    this.#config = config;
    this.#weights = weights;
    this.#length = length;
    this.#options = options;
  }

  /** The residual stream before the first layer, [T,hidden]. */
  async embedded(tokens: readonly number[]): Promise<Float32Array> {
    const { hidden } = this.#config;
    const read = rowReader(this.#weights, EMBEDDING);
    const stream = new Float32Array(tokens.length * hidden);
    for (const [t, token] of tokens.entries()) stream.set(await read(token, 1), t * hidden);
    return stream;
  }

  /** The residual stream behind the last layer, [T,hidden]. */
  layers(embedded: Float32Array): Promise<Float32Array> {
    const piece = layerPiece(this.#config, this.#weights, this.#length);
    return this.#session(piece.graph, async (session) => {
      const others = {
        attention_mask: session.int64(new Uint8Array(this.#length).fill(1), [1, this.#length]),
        ...emptyCaches(session, this.#config, 1),
      };
      let stream = embedded;
      for (let layer = 0; layer < this.#config.layers; layer++) {
        const weights: Record<string, OrtFeeds[string]> = {};
        for (const tensor of piece.tensors(layer))
          weights[tensor.name] = session.numbers(floatsOf(await tensor.bytes()), tensor.dims);
        const feeds = { ...others, ...weights, [HIDDEN.input]: this.#stream(session, stream) };
        stream = await this.#run(session, feeds, HIDDEN.output);
      }
      return stream;
    });
  }

  /** Logits [T,vocab] of the residual stream `hidden`. */
  head(hidden: Float32Array): Promise<{ readonly logits: Float32Array; readonly backend: OrtBackend }> {
    const { hidden: columns, vocab, tied } = this.#config;
    const read = rowReader(this.#weights, tied ? EMBEDDING : "lm_head.weight");
    return this.#session(headPiece(this.#config), async (session) => {
      const logits = new Float32Array(this.#length * vocab);
      const others = {
        [HIDDEN.input]: this.#stream(session, hidden),
        [HEAD.norm]: session.numbers(await this.#weights.read(HEAD.norm), [columns]),
      };
      for (const [row, rows] of bands(0, vocab, columns)) {
        const matrix = session.numbers(await read(row, rows), [rows, columns]);
        const some = await this.#run(session, { ...others, [HEAD.rows]: matrix }, HEAD.logits);
        for (let t = 0; t < this.#length; t++)
          logits.set(some.subarray(t * rows, (t + 1) * rows), t * vocab + row);
      }
      return { logits, backend: session.backend };
    });
  }

  #stream(session: OrtSession, values: Float32Array): OrtFeeds[string] {
    return session.numbers(values, [1, this.#length, this.#config.hidden]);
  }

  async #session<T>(graph: EncodedFile, work: (session: OrtSession) => Promise<T>): Promise<T> {
    const { recorder } = this.#options;
    const model = await bytesOf(graph);
    const session = await openOrtSession({ model, external: [] }, { recorder, bufferCache: "simple" });
    try {
      return await work(session);
    } finally {
      await session.dispose();
    }
  }

  async #run(session: OrtSession, feeds: OrtFeeds, output: string): Promise<Float32Array> {
    this.#options.signal?.throwIfAborted();
    const outputs = await session.runGuarded(feeds);
    return session.floats(outputs[output]!);
  }
}

const floatsOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Float32Array =>
  new Float32Array(buffer, byteOffset, byteLength / 4);
