// Collects the errors of one golden case and of many: the worst one, relative to its tolerance, is what is reported.

import { maxAbs } from "./check.ts";

/** Of the largest absolute value of an array; stated in the golden files. */
export const TOLERANCE = { float64: 1e-10, float32: 2e-5 } as const;

/** The worst comparison so far. */
export interface Worst {
  /** Error relative to the scale of what was compared. */
  readonly error: number;
  readonly tolerance: number;
  readonly what: string;
}

/** How a comparison is scaled where the array itself is no measure. */
interface Scale {
  /** Replaces the largest expected absolute value. */
  readonly scale?: number;
  /** Allowed on top, absolute. */
  readonly abs?: number;
}

/** Comparisons of one case. */
export class Judge {
  readonly #tolerance: number;
  #worst: Worst;

  constructor(tolerance: number) {
    this.#tolerance = tolerance;
    this.#worst = { error: 0, tolerance, what: "nothing" };
  }

  get worst(): Worst {
    return this.#worst;
  }

  /** Compares lists; a NaN is right where a NaN is expected. */
  compare(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>, how: Scale = {}): void {
    const wanted = Array.from(expected);
    const given = Array.from(actual, (value, i) => (Object.is(value, wanted[i]) ? 0 : value));
    const right = wanted.map((value, i) => (Object.is(value, actual[i]) ? 0 : value));
    const scale = how.scale ?? wanted.reduce((top, value) => Math.max(top, Math.abs(value) || 0), 0);
    const difference = Math.max(0, maxAbs(given, right).worst - (how.abs ?? 0));
    const error = difference === 0 ? 0 : difference / scale;
    if (error > this.#worst.error || Number.isNaN(error))
      this.#worst = { error: Number.isNaN(error) ? Infinity : error, tolerance: this.#tolerance, what };
  }

  /** Counts as an infinite error unless `isRight`. */
  expect(what: string, isRight: boolean): void {
    if (!isRight) this.#worst = { error: Infinity, tolerance: this.#tolerance, what };
  }
}

/** Whether `work` refuses as a person would be told: with a UserError. */
export const isRefused = (work: () => unknown): boolean => throwsA("UserError", work);

/** Whether `work` refuses to divide by a count that is none: nobody can set one, so it is a BugError. */
export const isRefusedCount = (work: () => unknown): boolean => throwsA("BugError", work);

function throwsA(name: string, work: () => unknown): boolean {
  try {
    work();
    return false;
  } catch (error) {
    if (error instanceof Error && error.name === name) return true;
    throw error;
  }
}
