// Which problems are held out for evaluation: decided for each problem by a hash of its question alone, so that a reload,
// another order or more rows never move a problem from one side to the other. Draws nothing from the run's random stream.

import { UserError } from "../common/errors.ts";
import { threefry2x32, uniformOf } from "../common/random.ts";
import type { Problem } from "./problem.ts";

export interface SplitOptions {
  readonly seed: number;
  /** Share of problems to hold out, 0 up to but without 1; met on average, since each problem is decided by itself. */
  readonly heldOutRatio: number;
}

export interface Split {
  readonly train: readonly Problem[];
  readonly heldOut: readonly Problem[];
}

/** Splits `problems`, keeping their order; equal questions stay together. Throws UserError unless 0 <= ratio < 1. */
export function splitProblems(problems: readonly Problem[], { seed, heldOutRatio }: SplitOptions): Split {
  if (!(heldOutRatio >= 0 && heldOutRatio < 1))
    throw new UserError(
      `The held-out share is ${heldOutRatio}: at least one problem must be left to train on. Set it to 0 or more, below 1.`,
    );
  const isHeldOut = ({ question }: Problem): boolean => uniformOfText(question.trim(), seed) < heldOutRatio;
  const heldOut = new Set(problems.filter(isHeldOut));
  return { train: problems.filter((problem) => !heldOut.has(problem)), heldOut: [...heldOut] };
}

/** A number in [0, 1) that depends on `text` and `seed` alone. */
const uniformOfText = (text: string, seed: number): number =>
  uniformOf(threefry2x32([seed >>> 0, 0], [fnv1a(text), 0])[0]);

/** FNV-1a, 32 bits, over UTF-8. Its last bytes reach few bits of the result, hence the cipher above. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
