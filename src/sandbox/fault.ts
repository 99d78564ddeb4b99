// From what QuickJS throws to words for the person who wrote the function, with the place in their text.

import { messageOf } from "../common/error-words.ts";
import { OWN_FILE } from "./prelude.ts";
import type { Fault } from "./verdict.ts";

/** Bytes that a function may hold, its text and arguments among them. */
export const MEMORY_BYTES = 64 * 2 ** 20;

const LONGEST_MESSAGE = 300;

/** What was thrown, as the sandbox describes it. */
export interface Thrown {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

const cut = (text: string): string =>
  text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE - 1)}…` : text;

const TOO_LARGE = `it asked for more than the ${MEMORY_BYTES / 2 ** 20} MB of memory that it has`;

export const tooSlow = (limitMs: number): string =>
  `it took longer than ${limitMs} ms and was stopped (gradus.reward_function_ms)`;

export const NO_FUNCTION: Fault = {
  message:
    "there is no function computeScore: write function computeScore(dataSource, solution, groundTruth, extraInfo) that returns a number",
};

/** The fault of a function that threw, or was stopped because its time was over. */
export function faultOf(thrown: Thrown, isOver: boolean, limitMs: number): Fault {
  const place = new RegExp(`\\b${OWN_FILE.replace(".", "\\.")}:(\\d+)(?::(\\d+))?`).exec(thrown.stack);
  return {
    message: isOver ? tooSlow(limitMs) : wordsOf(thrown),
    ...(place && { line: Number(place[1]) }),
    ...(place?.[2] !== undefined && { column: Number(place[2]) }),
  };
}

function wordsOf({ name, message }: Thrown): string {
  if (message === "out of memory") return TOO_LARGE;
  if (message === "stack overflow") return "it calls itself too deeply";
  return cut(name === "" ? message : `${name}: ${message}`);
}

/** The fault of a function that brought the interpreter itself to a fall, as brackets by the thousand do, or a full memory. */
export const brokenBy = (error: unknown, isFull: boolean): Fault => ({
  message: isFull
    ? TOO_LARGE
    : error instanceof RangeError
      ? "it nests too deeply"
      : `the interpreter gave up on it (${cut(messageOf(error))})`,
});
