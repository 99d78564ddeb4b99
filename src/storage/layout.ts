// Which key holds what. Everything of a run lies below its folder, so that removing a run is removing a prefix:
//   run/<id>/record
//   run/<id>/file/<name>/{manifest, <generation>-<chunk>}
//   run/<id>/step/<step>/{manifest, <generation>-<chunk>}

import { BugError } from "../common/errors.ts";

export const RUNS = "run/";

/** Prefix of everything of a run. */
export function runPrefix(runId: string): string {
  if (/^[A-Za-z0-9][\w-]{0,99}$/.test(runId)) return `${RUNS}${runId}/`;
  throw new BugError(`run id "${runId}": up to 100 letters, digits, "-" and "_" are needed`);
}

export const recordKey = (runId: string): string => `${runPrefix(runId)}record`;
export const filesPrefix = (runId: string): string => `${runPrefix(runId)}file/`;
export const stepsPrefix = (runId: string): string => `${runPrefix(runId)}step/`;

/** A file's name may hold anything; a part of a key may not. */
export function filePrefix(runId: string, name: string): string {
  const hex = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  const part = encodeURIComponent(name.toWellFormed()).replace(/^\.|[!'()*~]/g, hex);
  return `${filesPrefix(runId)}${part}/`;
}

/** Steps are padded, so that keys sort as steps do. */
export function stepPrefix(runId: string, step: number): string {
  if (!Number.isSafeInteger(step) || step < 0)
    throw new BugError(`step ${step} of a checkpoint: a whole number from 0 is needed`);
  return `${stepsPrefix(runId)}${String(step).padStart(9, "0")}/`;
}

/** The step of a prefix of `stepPrefix`. */
export const stepOf = (prefix: string): number => Number(prefix.split("/").at(-2));
