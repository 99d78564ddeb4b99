// What is current when several things are asked for at once: the one asked for last among those that came, whichever came
// first. A demo that is still being fetched must not replace the file that was dropped meanwhile.

export class Latest<T> {
  #asked = 0;
  #held = 0;
  #value: T | undefined;

  get value(): T | undefined {
    return this.#value;
  }

  /** Loads a value and returns what is current then; where loading fails, what was current stays. */
  async take(load: () => Promise<T>): Promise<T> {
    const turn = ++this.#asked;
    const value = await load();
    if (turn > this.#held) {
      this.#held = turn;
      this.#value = value;
    }
    return this.#value!;
  }

  /** Puts `next` in the place of `value` where that is still current; returns what is current then. */
  replace(value: T, next: T): T {
    if (this.#value === value) this.#value = next;
    return this.#value!;
  }
}
