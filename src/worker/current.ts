// What is current in the page's worker: one device, the loaded model and problems, at most one run under way, and what is
// kept in IndexedDB. The parts of the interface share it.

import type { ActiveRun, Keeping } from "../app/kept-run.ts";
import type { OpenedProblems } from "../app/problems.ts";
import { UserError } from "../common/errors.ts";
import type { ByteSource } from "../formats/safetensors.ts";
import { blobSource } from "../formats/safetensors.ts";
import type { Recorder } from "../gpu/index.ts";
import { openRecorder } from "../gpu/index.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { Checkpoints } from "../storage/checkpoints.ts";
import { FilePlaces } from "../storage/file-places.ts";
import { openIndexedDb } from "../storage/indexed-db.ts";
import { ModelCache } from "../storage/model-cache.ts";
import { opfsFiles } from "../storage/opfs-files.ts";
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

/** What the person says that runs may take; a device that is opened anew has it, too. */
export const gpuMemory: { bytes: number | undefined } = { bytes: undefined };

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
  recorder.gpu.memoryBytes = gpuMemory.bytes;
  return recorder;
}

let cache: Promise<ModelCache> | undefined;

/** Models that were fetched from a hub. Throws UserError where the browser keeps no files. */
export function hubCache(): Promise<ModelCache> {
  cache ??= opfsFiles("models").then((files) => new ModelCache(files));
  cache.catch(() => {
    cache = undefined;
  });
  return cache;
}

/** Runs and checkpoints of this browser. */
export function store(): Promise<Keeping> {
  keeping ??= openStore();
  keeping.catch(() => {
    keeping = undefined;
  });
  return keeping;
}

async function openStore(): Promise<Keeping> {
  const database = await openIndexedDb();
  // Without files of its own the browser keeps copies in its database.
  const places = await openPlaces().catch(() => undefined);
  return { runs: new Runs(database, { places }), checkpoints: new Checkpoints(database) };
}

const openPlaces = async (): Promise<FilePlaces> =>
  new FilePlaces(await hubCache(), new ModelCache(await opfsFiles("dropped")));

/** A dropped file; a folder's file keeps its path as name. */
export const sourceOf = (file: File): ByteSource => blobSource(file.webkitRelativePath || file.name, file);

export function needLoaded(): Loaded<OpenedModel> {
  if (model.value) return model.value;
  throw new UserError("No model is loaded: drop its files, or take the demo.");
}

export const needModel = (): OpenedModel => needLoaded().opened;

export function needProblems(): OpenedProblems {
  if (problems.value) return problems.value.opened;
  throw new UserError("No problems are loaded: drop a file, or take the demo's.");
}

export function needRun(): ActiveRun {
  if (running.active) return running.active;
  throw new UserError("No run is under way.");
}
