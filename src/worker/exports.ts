// Trained weights on their way to the person's disk: one archive at a time is written and checked; the page says when one that
// lies here is no longer needed. The check has the device to itself, as a run has, so each waits for the other.

import { exportOffers } from "../app/export-offers.ts";
import { keptModel } from "../app/kept-files.ts";
import { makeExport } from "../app/make-export.ts";
import type { AdapterAlone, TrainedModel } from "../app/trained-model.ts";
import { keptAdapter, keptTrainedModel } from "../app/trained-model.ts";
import { UserError } from "../common/errors.ts";
import type { Recorder } from "../gpu/index.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { sweepTemporaryFiles } from "../storage/temporary-files.ts";
import type { ExportApi, MadeExport } from "./api/exports.ts";
import { checking, device, running, store } from "./current.ts";
import { judged } from "./judge.ts";
import { ZipPlace } from "./zip-place.ts";

/** What another tab left, and crashed. Where it cannot be removed now, the next start tries again. */
const swept = sweepTemporaryFiles().catch(() => {});
/** Archives that are written, by their id. */
const places = new Map<string, ZipPlace>();
let underWay: AbortController | undefined;

/** What a kept run has learnt at `step`, the newest if undefined; its adapter also where its base is no longer here. */
export async function trainedOf(id: string, step: number | undefined): Promise<TrainedModel | AdapterAlone> {
  const keeping = await store();
  const { modelName } = await keeping.runs.load(id);
  let model: OpenedModel;
  try {
    model = await modelOf(id, modelName);
  } catch (error) {
    if (error instanceof UserError) return keptAdapter(keeping, id, step, error.message);
    throw error;
  }
  return keptTrainedModel(keeping, id, step, model);
}

/** The model that a run began with: what is kept of it, or what this tab began it with where it was too large to keep. */
async function modelOf(id: string, name: string): Promise<OpenedModel> {
  try {
    return await keptModel((await store()).runs, id, name);
  } catch (error) {
    if (running.last?.id === id) return running.last.model;
    throw error;
  }
}

/** The device, unless a run has it. */
const freeDevice = async (): Promise<Recorder | undefined> =>
  running.active || running.isStarting ? undefined : device();

async function drop(archive: string): Promise<void> {
  const dropped = places.get(archive);
  places.delete(archive);
  await dropped?.remove();
}

async function make(
  ...[form, id, step, onProgress]: Parameters<ExportApi["makeExport"]>
): Promise<MadeExport | undefined> {
  if (underWay) throw new UserError("Another export is being written: wait for it, or stop it.");
  const stop = new AbortController();
  underWay = stop;
  const archive = crypto.randomUUID();
  let free = (): void => {};
  try {
    await swept;
    const trained = await trainedOf(id, step);
    const name = `${trained.model.name.replaceAll("/", "-")}-${form}-step-${trained.step}.zip`;
    const written = new ZipPlace(name);
    places.set(archive, written);
    const check = await makeExport(trained, form, written, {
      signal: stop.signal,
      onProgress,
      device: async () => {
        await judged();
        checking.ended = new Promise<void>((resolve) => (free = resolve));
        return freeDevice();
      },
    });
    return { id: archive, file: written.file(), check };
  } catch (error) {
    await drop(archive);
    if (stop.signal.aborted) return undefined;
    throw error;
  } finally {
    free();
    underWay = undefined;
  }
}

export const exportApi: ExportApi = {
  exportOffers: async (id, step) => exportOffers(await trainedOf(id, step)),
  makeExport: make,
  stopExport: async () => underWay?.abort(new UserError("The export was stopped.")),
  dropExport: drop,
};
