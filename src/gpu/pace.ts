// How much work one submit may hold. Browsers kill GPU work that runs for seconds, so a submit aims at 85 ms, which
// keeps it under 100 ms with the noise of a shared machine. The speed is measured on the submits themselves. Knows
// nothing of kernels; the unit of work is whatever callers count in, consistently.

const TARGET_MS = 85;
/** Work per millisecond assumed before the first measurement: a slow software adapter. */
const FIRST_RATE = 2e6;

/**
 * Work that one element of a memory-bound pass stands for, next to 2 for a multiply-add of a matrix product. Read off a
 * software adapter, where an element takes 10 to 30 ns and a product runs at 12 GFLOP/s; a GPU with 20 flop a byte is
 * alike.
 */
export const ELEMENT_WORK = 200;

/** Learns work per millisecond from stretches in which the device was busy, and says how large a submit may be. */
export class Pace {
  #rate = FIRST_RATE;
  /** The current stretch: since when, submits under way, work submitted, the largest submit. */
  #since = 0;
  #pending = 0;
  #work = 0;
  #largest = 0;
  /** The longest submit since this was last set to 0, milliseconds, estimated by its share of a stretch. */
  longestMs = 0;

  /** Work that should take about 85 ms on this device. */
  get chunkWork(): number {
    return this.#rate * TARGET_MS;
  }

  /** Notes a submit of `work`; `finished` settles when the device is done with it. */
  submitted(work: number, finished: Promise<unknown>): void {
    if (this.#pending++ === 0) {
      this.#since = performance.now();
      this.#work = 0;
      this.#largest = 0;
    }
    this.#work += work;
    this.#largest = Math.max(this.#largest, work);
    void finished
      .catch(() => {})
      .then(() => {
        if (--this.#pending === 0) this.#measured(performance.now() - this.#since);
      });
  }

  /**
   * Learns from a finished stretch. Single submits are not timed: their ends are often reported together, and the last
   * of them would look free.
   */
  #measured(ms: number): void {
    if (this.#work === 0) return;
    this.longestMs = Math.max(this.longestMs, (ms * this.#largest) / this.#work);
    // Short stretches measure overhead, not speed; a full chunk that is short means that the rate is far too low.
    if (ms < TARGET_MS / 10) {
      if (this.#work > this.chunkWork / 2) this.#rate *= 2;
      return;
    }
    this.#rate += 0.3 * (this.#work / ms - this.#rate);
  }
}
