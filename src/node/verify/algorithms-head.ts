// Golden cases of what the output head computes from logits: log-probabilities, entropies and their gradients. Runs the
// kernels of the head on logits as they are; with a model in front they are checked by the directories of golden numbers.

import type { GpuAllocator, Recorder, Tensor } from "../../gpu/index.ts";
import { logprobAccumulate, logprobChunkBackward, logprobFinish } from "../../ops/logprob.ts";

/** Most rows of a case, and most logits of all its rows. */
const ROWS = 256;
const LOGITS = 4096;

export interface HeadCase {
  /** [R,V]. */
  readonly logits: readonly (readonly number[])[];
  /** [R]. */
  readonly targets: readonly number[];
  /** Gradients of what is minimised, [R]. */
  readonly dLogProb: readonly number[];
  readonly dEntropy: readonly number[];
}

export interface HeadResult {
  /** [R]. */
  readonly logProb: Float32Array;
  readonly entropy: Float32Array;
  /** [R,V]. */
  readonly dLogits: Float32Array;
}

/** Runs cases on a device, in buffers made once. */
export class HeadDevice {
  readonly #recorder: Recorder;
  readonly #rows: Readonly<Record<"logProb" | "lse" | "entropy" | "dLogProb" | "dEntropy", Tensor>>;
  readonly #targets: Tensor;
  readonly #state: Tensor;
  readonly #logits: Tensor;

  constructor(recorder: Recorder, allocator: GpuAllocator) {
    const make = (name: string, ...shape: number[]): Tensor =>
      allocator.tensor("head", `verify.${name}`, shape);
    this.#recorder = recorder;
    this.#rows = {
      logProb: make("logProb", ROWS),
      lse: make("lse", ROWS),
      entropy: make("entropy", ROWS),
      dLogProb: make("dLogProb", ROWS),
      dEntropy: make("dEntropy", ROWS),
    };
    this.#targets = allocator.tensor("head", "verify.targets", [ROWS], "u32");
    this.#state = make("state", ROWS, 4);
    this.#logits = make("logits", LOGITS);
  }

  /** Log-probabilities and entropies [R], and the gradient [R,V] of sum_r dLogProb[r] logProb[r] + dEntropy[r] entropy[r]. */
  async run({ logits, targets, dLogProb, dEntropy }: HeadCase): Promise<HeadResult> {
    const recorder = this.#recorder;
    const rows = logits.length;
    const columns = logits[0]!.length;
    const block = { row: 0, rows, column: 0, columns, start: 0, stride: columns };
    const shared = { logits: this.#logits, block, targets: this.#targets };
    recorder.write(this.#logits, Float32Array.from(logits.flat()));
    recorder.write(this.#targets, Uint32Array.from(targets));
    recorder.write(this.#rows.dLogProb, Float32Array.from(dLogProb));
    recorder.write(this.#rows.dEntropy, Float32Array.from(dEntropy));
    logprobAccumulate(recorder, { ...shared, state: this.#state, isFirst: true });
    logprobFinish(recorder, { ...this.#rows, state: this.#state, rows });
    logprobChunkBackward(recorder, { ...shared, ...this.#rows, temperature: 1 });
    return {
      logProb: await recorder.readF32(this.#rows.logProb, rows),
      entropy: await recorder.readF32(this.#rows.entropy, rows),
      dLogits: await recorder.readF32(this.#logits, rows * columns),
    };
  }
}
