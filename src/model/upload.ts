// Fills a tensor on the device from its start, band by band, so that no whole copy of a large one lies in memory beside the
// file. What is in the bands is checked by whoever reads them.

import { BugError } from "../common/errors.ts";
import { packF16 } from "../common/f16.ts";
import { isQ4, q4Words } from "../common/q4.ts";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { elementCount } from "../gpu/index.ts";

/** Floats that are packed to halves at once. */
const CHUNK_ELEMENTS = 2 ** 22;

/** The elements of `tensor` in order. */
export class Upload {
  readonly #recorder: Recorder;
  readonly #tensor: Tensor;
  readonly #count: number;
  /** A half that waits for the one that shares its word. */
  #odd: number | undefined;
  /** Elements taken so far. */
  taken = 0;

  constructor(recorder: Recorder, tensor: Tensor) {
    this.#recorder = recorder;
    this.#tensor = tensor;
    this.#count = elementCount(tensor.shape);
  }

  get isDone(): boolean {
    return this.taken === this.#count;
  }

  /** Takes the next `count` elements: floats, or records of 4-bit blocks where the tensor holds those. */
  take(words: Float32Array | Uint32Array, count: number): void {
    const { type, label } = this.#tensor;
    if (this.taken + count > this.#count) throw new BugError(`${label} is given more than it holds`);
    const at = this.taken;
    this.taken += count;
    if (isQ4(type)) this.#write(words, q4Words(at, type));
    else if (type === "f16") this.#takeHalves(words, at);
    else this.#write(words, at);
  }

  /** Rounds floats to halves and writes whole words; the last word of the tensor may hold one half and zero. */
  #takeHalves(values: Float32Array | Uint32Array, first: number): void {
    for (let done = 0; done < values.length;) {
      const from = first + done - (this.#odd === undefined ? 0 : 1);
      const next = values.subarray(done, done + CHUNK_ELEMENTS);
      done += next.length;
      const chunk = this.#odd === undefined ? next : after(this.#odd, next);
      const isEnd = first + done === this.#count;
      const whole = isEnd ? chunk.length : chunk.length - (chunk.length % 2);
      this.#odd = chunk[whole];
      if (whole > 0) this.#write(packF16(chunk.subarray(0, whole)), from / 2);
    }
  }

  #write(words: Float32Array | Uint32Array, word: number): void {
    // A buffer of the device takes its bytes at once; a shared one never comes from a reader.
    this.#recorder.write(this.#tensor, words as Uint32Array<ArrayBuffer>, 4 * word);
  }
}

function after(first: number, others: Float32Array | Uint32Array): Float32Array {
  const all = new Float32Array(1 + others.length);
  all[0] = first;
  all.set(others, 1);
  return all;
}
