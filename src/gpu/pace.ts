// How much work one submit may hold. Browsers kill GPU work that runs for seconds, so a submit aims at 70 ms, which
// keeps it under 100 ms with the noise of a shared machine. The speed is measured on the submits themselves. Knows
// nothing of kernels; the unit of work is whatever callers count in, consistently.

const TARGET_MS = 70;
/** Work per millisecond assumed before the first measurement: a slow software adapter. */
const FIRST_RATE = 2e6;

/** Learns work per millisecond from submits and says how large the next may be. */
export class Pace {
  #rate = FIRST_RATE;
  #idleSince = 0;
  /** The longest submit so far, milliseconds. */
  longestMs = 0;

  /** Work that should take about 70 ms on this device. */
  get chunkWork(): number {
    return this.#rate * TARGET_MS;
  }

  /** Notes a submit of `work`; `finished` settles when the device is done with it. */
  submitted(work: number, finished: Promise<unknown>): void {
    const submittedAt = performance.now();
    void finished.then(
      () => this.#measured(work, submittedAt),
      () => {},
    );
  }

  #measured(work: number, submittedAt: number): void {
    const now = performance.now();
    const ms = now - Math.max(submittedAt, this.#idleSince);
    this.#idleSince = now;
    this.longestMs = Math.max(this.longestMs, ms);
    // Short submits measure overhead, not speed.
    if (work <= 0 || ms < TARGET_MS / 10) {
      if (work > this.chunkWork / 2) this.#rate *= 2;
      return;
    }
    this.#rate += 0.3 * (work / ms - this.#rate);
  }
}
