// Runs pieces of asynchronous work one after the other, so that a save that cleans up leftovers never meets another save
// half-way. Within one tab only: between tabs, run-lock.ts.

export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  /** Starts `work` when all before it has ended, well or badly. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result;
    return result;
  }
}
