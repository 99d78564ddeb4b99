// ONNX Runtime as the judge of files that we write: one sequence at a time through a decoder's graph, on its processor
// backend, with a key-value cache that is carried by hand.

import * as ort from "onnxruntime-web";

import { fromHalfBits } from "../../../src/common/f16.ts";
import type { DecoderShape } from "../../../src/formats/onnx/shape.ts";

// Threads would need a worker file; the models of the tests are tiny.
ort.env.wasm.numThreads = 1;

const ids = (values: readonly number[]): ort.Tensor =>
  new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);

/** What a session needs besides the model file. */
export interface OrtOptions {
  /** Data files by the names that the model gives them. */
  readonly external?: readonly { readonly path: string; readonly data: Uint8Array }[];
  /** Inputs that are the same in every run. */
  readonly feeds?: Readonly<Record<string, ort.Tensor>>;
}

/** A decoder that remembers the tokens it was given. */
export class OrtDecoder {
  readonly #session: ort.InferenceSession;
  readonly #shape: DecoderShape;
  readonly #feeds: Readonly<Record<string, ort.Tensor>>;
  #past: Record<string, ort.Tensor>;
  #length = 0;

  private constructor(
    session: ort.InferenceSession,
    shape: DecoderShape,
    feeds: Readonly<Record<string, ort.Tensor>>,
  ) {
    this.#session = session;
    this.#feeds = feeds;
    this.#shape = shape;
    const cache = session.inputMetadata.find(({ name }) => name.startsWith("past_key_values"))!;
    const isHalf = cache.isTensor && cache.type === "float16";
    const dims = [1, shape.kvHeads, 0, shape.headSize];
    const empty = (): ort.Tensor =>
      isHalf
        ? new ort.Tensor("float16", new Uint16Array(0), dims)
        : new ort.Tensor("float32", new Float32Array(0), dims);
    this.#past = this.#cache("past_key_values", empty);
  }

  static async open(
    model: Uint8Array,
    shape: DecoderShape,
    { external, feeds = {} }: OrtOptions = {},
  ): Promise<OrtDecoder> {
    const session = await ort.InferenceSession.create(model, {
      ...(external && { externalData: external }),
      // Its warnings about a user's file are no failure of a test.
      logSeverityLevel: 3,
    });
    return new OrtDecoder(session, shape, feeds);
  }

  get inputNames(): readonly string[] {
    return this.#session.inputNames;
  }

  /** Logits [tokens,V] of further tokens of the sequence. */
  async logits(tokens: readonly number[]): Promise<Float32Array> {
    const first = this.#length;
    this.#length += tokens.length;
    const positions = { position_ids: ids(tokens.map((_, i) => first + i)) };
    const outputs = await this.#session.run({
      input_ids: ids(tokens),
      ...(this.inputNames.includes("position_ids") && positions),
      ...this.#feeds,
      attention_mask: ids(Array.from({ length: this.#length }, () => 1)),
      ...this.#past,
    });
    this.#past = this.#cache("past_key_values", (name) => outputs[name]!);
    const { type, data } = outputs["logits"]!;
    return type === "float16" ? Float32Array.from(data as Uint16Array, fromHalfBits) : (data as Float32Array);
  }

  /** Logits [tokens,V] of one sequence that is given in chunks. */
  static async run(
    model: Uint8Array,
    shape: DecoderShape,
    chunks: readonly (readonly number[])[],
    options?: OrtOptions,
  ): Promise<Float32Array> {
    return (await OrtDecoder.open(model, shape, options)).run(chunks);
  }

  /** Logits [tokens,V] of one sequence that is given in chunks, from the first token on. */
  async run(
    chunks: readonly (readonly number[])[],
    feeds: Readonly<Record<string, ort.Tensor>> = this.#feeds,
  ): Promise<Float32Array> {
    const fresh = new OrtDecoder(this.#session, this.#shape, feeds);
    const rows: number[] = [];
    for (const chunk of chunks) rows.push(...(await fresh.logits(chunk)));
    return Float32Array.from(rows);
  }

  #cache(prefix: string, tensor: (present: string) => ort.Tensor): Record<string, ort.Tensor> {
    const entries = Array.from({ length: this.#shape.layers }, (_, layer) =>
      ["key", "value"].map(
        (part) => [`${prefix}.${layer}.${part}`, tensor(`present.${layer}.${part}`)] as const,
      ),
    );
    return Object.fromEntries(entries.flat());
  }
}
