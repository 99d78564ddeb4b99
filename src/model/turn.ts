// Whose turn it is on the buffers that forward passes share. A backward pass belongs to the forward pass right before it,
// whether the policy or its critic ran either, and nothing runs beside a rollout. Holds no buffer itself.

import { BugError } from "../common/errors.ts";

export class Turn {
  /** The forward pass whose buffers are still whole. */
  #whole: object | undefined;
  /** What occupies the buffers across awaits, such as a rollout. */
  #occupant: string | undefined;

  /** `pass` has been recorded, and its buffers are whole from now on. */
  end(pass: object): void {
    this.#whole = pass;
  }

  /** The buffers no longer hold what a backward pass needs. */
  spoil(): void {
    this.#whole = undefined;
  }

  /** Throws BugError, saying `otherwise`, unless the buffers hold `pass`. */
  check(
    pass: object | undefined,
    otherwise = "a backward pass needs the forward pass right before it",
  ): void {
    if (pass === undefined || pass !== this.#whole) throw new BugError(otherwise);
  }

  /** Throws BugError while something occupies the buffers. */
  checkFree(what: string): void {
    if (this.#occupant)
      throw new BugError(`${what} cannot start while ${this.#occupant} is under way: await it first`);
  }

  /** Runs `work` while no forward pass and no other such work may start. Throws BugError when something is under way. */
  async exclusively<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.checkFree(what);
    this.#occupant = what;
    try {
      return await work();
    } finally {
      this.#occupant = undefined;
    }
  }
}
