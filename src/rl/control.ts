// How a running step is asked to stop, and how it tells how far it has got. A step may be left at any await until its first
// update; from then on it is finished, because half of its updates is a state that no step count describes.

import { UserError } from "../common/errors.ts";
import type { Phase, RunEvent, RunListener } from "./events.ts";

/** Thrown inside a step that is left; nothing has changed then. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** A step cannot be taken with these settings: nothing is lost, and the run waits for others. */
export class StepRefused extends UserError {}

/** What a step is given besides its data. */
export class StepControl {
  readonly step: number;
  readonly #listener: RunListener;
  readonly #abort = new AbortController();
  #isCommitted = false;
  #phaseStart = 0;

  constructor(step: number, listener: RunListener) {
    this.step = step;
    this.#listener = listener;
  }

  /** For whatever can be stopped from outside, such as a rollout. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Asks the step to leave. It finishes instead when it has begun to update. */
  interrupt(): void {
    this.#abort.abort(new Interrupted("The step was left before its first update."));
  }

  /** Throws Interrupted when the step was asked to leave and still can. */
  check(): void {
    if (!this.#isCommitted) this.#abort.signal.throwIfAborted();
  }

  /** The first update is about to be recorded. */
  commit(): void {
    this.check();
    this.#isCommitted = true;
  }

  emit(event: RunEvent): void {
    this.#listener(event);
  }

  /** Tells that `phase` has done `done` of `total`; the time left is what the same pace needs for the rest. */
  progress(phase: Phase, done: number, total: number): void {
    const now = performance.now();
    if (done === 0) this.#phaseStart = now;
    const seconds = (now - this.#phaseStart) / 1000;
    const secondsLeft = done > 0 ? (seconds * (total - done)) / done : undefined;
    this.emit({
      type: "progress",
      phase,
      step: this.step,
      done,
      total,
      ...(secondsLeft !== undefined && { secondsLeft }),
    });
  }
}

/** Runs `work` and returns its result with its seconds. */
export async function timed<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const start = performance.now();
  const value = await work();
  return { value, seconds: (performance.now() - start) / 1000 };
}
