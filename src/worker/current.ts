// What is current in the page's worker: one device, the loaded model and problems, at most one run under way, and what is
// kept in IndexedDB. The parts of the interface share it.

import type { ActiveRun, Keeping } from "../app/kept-run.ts";
import type { OpenedProblems } from "../app/problems.ts";
import { UserError } from "../common/errors.ts";
import type { ByteSource } from "../formats/safetensors.ts";
import type { Recorder } from "../gpu/index.ts";
import { openRecorder } from "../gpu/index.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { Checkpoints } from "../storage/checkpoints.ts";
import { openIndexedDb } from "../storage/indexed-db.ts";
import { Runs } from "../storage/runs.ts";
import { Latest } from "./latest.ts";

interface Loaded<T> {
  readonly opened: T;
  readonly isDemo: boolean;
}

export const model = new Latest<Loaded<OpenedModel>>();
export const problems = new Latest<Loaded<OpenedProblems>>();
/** The run under way, or about to be, and the last that this tab began; set by run.ts. */
export const running: {
  active: ActiveRun | undefined;
  isStarting: boolean;
  last?: { readonly id: string; readonly model: OpenedModel };
} = {
  active: undefined,
  isStarting: false,
};

/** Settles when no export is being checked, which takes the device as a run does; set by exports.ts. */
export const checking: { ended: Promise<unknown> } = { ended: Promise.resolve() };

let recorder: Recorder | undefined;
let keeping: Promise<Keeping> | undefined;

/** The device; a new one where the former was lost. Throws GpuError with reason and remedy. */
export async function device(): Promise<Recorder> {
  try {
    recorder?.gpu.check();
  } catch {
    recorder = undefined;
  }
  recorder ??= await openRecorder({ gpu: navigator.gpu });
  return recorder;
}

/** Runs and checkpoints of this browser. */
export function store(): Promise<Keeping> {
  keeping ??= openIndexedDb().then((database) => ({
    runs: new Runs(database),
    checkpoints: new Checkpoints(database),
  }));
  keeping.catch(() => {
    keeping = undefined;
  });
  return keeping;
}

/** A dropped file, read in ranges; a folder's file keeps its path as name. */
export const sourceOf = (file: File): ByteSource => ({
  name: file.webkitRelativePath || file.name,
  size: file.size,
  blob: file,
  read: async (start, end) => new Uint8Array(await file.slice(start, end).arrayBuffer()),
});

export function needModel(): OpenedModel {
  if (model.value) return model.value.opened;
  throw new UserError("No model is loaded: drop its files, or take the demo.");
}

export function needProblems(): OpenedProblems {
  if (problems.value) return problems.value.opened;
  throw new UserError("No problems are loaded: drop a file, or take the demo's.");
}

export function needRun(): ActiveRun {
  if (running.active) return running.active;
  throw new UserError("No run is under way.");
}
