// The composition root of the page: one device, the loaded model and problems, at most one run under way, and IndexedDB. All
// that it does is in src/app and below; this file holds what is current and hands out plain data.

import { expose } from "comlink";

import { keepFiles, keptModel, keptProblems } from "../app/kept-files.ts";
import { beginRun, continueRun, keptConfig } from "../app/kept-run.ts";
import type { ActiveRun, Keeping } from "../app/kept-run.ts";
import { configCommand, configYaml } from "../app/exports.ts";
import { openProblems, splitOf, trainingCount } from "../app/problems.ts";
import type { OpenedProblems } from "../app/problems.ts";
import { testReward, testSamples } from "../app/reward-test.ts";
import { UserError } from "../common/errors.ts";
import type { ByteSource } from "../formats/safetensors.ts";
import type { Recorder } from "../gpu/index.ts";
import { openRecorder } from "../gpu/index.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { openModel } from "../model/open-model.ts";
import { checkResumable } from "../rl/config.ts";
import type { RunListener } from "../rl/events.ts";
import { importVerlText } from "../rl/verl/import-text.ts";
import { Checkpoints } from "../storage/checkpoints.ts";
import { openIndexedDb } from "../storage/indexed-db.ts";
import { storageEstimate } from "../storage/quota.ts";
import { holdRun } from "../storage/run-lock.ts";
import type { Release } from "../storage/run-lock.ts";
import { Runs } from "../storage/runs.ts";
import type { ModelSummary, ProblemsSummary, RunSnapshot, WorkerApi } from "./api.ts";
import { DEMO_NAME, fetchDemoModel, fetchDemoProblems } from "./demo.ts";
import { downloadOf } from "./downloads.ts";
import * as hub from "./hub.ts";
import { Latest } from "./latest.ts";
import { deviceSummary, modelSummary, planSummary, problemsSummary, runSummaries } from "./summaries.ts";

interface Loaded<T> {
  readonly opened: T;
  readonly isDemo: boolean;
}

let recorder: Recorder | undefined;
const model = new Latest<Loaded<OpenedModel>>();
const problems = new Latest<Loaded<OpenedProblems>>();
let active: ActiveRun | undefined;
let isStarting = false;
/** Settle when the last run has let go of the device, and when its files are kept. */
let released: Promise<void> = Promise.resolve();
let filesKept: Promise<void> = Promise.resolve();
let keeping: Promise<Keeping> | undefined;

/** The device; a new one where the former was lost. Throws GpuError with reason and remedy. */
async function device(): Promise<Recorder> {
  try {
    recorder?.gpu.check();
  } catch {
    recorder = undefined;
  }
  recorder ??= await openRecorder({ gpu: navigator.gpu });
  return recorder;
}

function store(): Promise<Keeping> {
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
const sourceOf = (file: File): ByteSource => ({
  name: file.webkitRelativePath || file.name,
  size: file.size,
  read: async (start, end) => new Uint8Array(await file.slice(start, end).arrayBuffer()),
});

async function takeModel(isDemo: boolean, open: () => Promise<OpenedModel>): Promise<ModelSummary> {
  const current = await model.take(async () => ({ opened: await open(), isDemo }));
  return modelSummary(current.opened, current.isDemo);
}

async function takeProblems(isDemo: boolean, open: () => Promise<OpenedProblems>): Promise<ProblemsSummary> {
  const current = await problems.take(async () => ({ opened: await open(), isDemo }));
  return problemsSummary(current.opened, model.value?.opened, current.isDemo);
}

function needModel(): OpenedModel {
  if (model.value) return model.value.opened;
  throw new UserError("No model is loaded: drop its files, or take the demo.");
}

function needProblems(): OpenedProblems {
  if (problems.value) return problems.value.opened;
  throw new UserError("No problems are loaded: drop a file, or take the demo's.");
}

function needRun(): ActiveRun {
  if (active) return active;
  throw new UserError("No run is under way.");
}

/** Runs `begin` as the only run, holding it against other tabs, and lets go of it when it has ended. */
async function begin(id: string, start: () => Promise<ActiveRun>): Promise<RunSnapshot> {
  if (active || isStarting)
    throw new UserError("A run is under way, and the device has room for one: stop it first.");
  isStarting = true;
  let release: Release | undefined;
  try {
    release = await holdRun(id);
    if (!release)
      throw new UserError("This run is open in another tab. Go on with it there, or close that tab first.");
    active = await start();
  } catch (error) {
    await release?.();
    throw error;
  } finally {
    isStarting = false;
  }
  const { config, trainer, ended } = active;
  const letGo = async (): Promise<void> => {
    active = undefined;
    await release();
  };
  // What went wrong was told as an event.
  released = ended.then(letGo, letGo);
  const { history, evaluations } = trainer.progress;
  return { id, config, history, evaluations };
}

/** Ends this tab's run `id`, if it is under way, so that it can be continued. */
async function endOwn(id: string): Promise<void> {
  if (active?.id !== id) return;
  await filesKept;
  active.trainer.stop();
  await released;
}

/** A failure before the first step ends what the page shows as loading. */
async function telling<T>(onEvent: RunListener, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    onEvent({ type: "state", state: "failed", step: 0, message: (error as Error).message });
    throw error;
  }
}

const api: WorkerApi = {
  openDevice: async () => deviceSummary(await device()),
  device: async () => deviceSummary(await device()),

  useDemoModel: (onProgress) =>
    takeModel(true, async () => {
      const files = await fetchDemoModel((done, total) =>
        onProgress({ what: "the demo model", done, total }),
      );
      return openModel(files, DEMO_NAME);
    }),
  useModelFiles: (files, onProgress) =>
    takeModel(false, () => {
      onProgress({ what: files[0]?.name ?? "model", done: 0, total: 1 });
      return openModel(files.map(sourceOf));
    }),
  hubOffer: hub.offer,
  useHubModel: (found, variant, hubUrl, onProgress) =>
    takeModel(false, () => hub.open(found, variant, hubUrl, onProgress)),
  stopFetching: async () => hub.stopFetching(),
  cachedModels: hub.cached,
  removeCachedModel: hub.remove,
  useDemoProblems: () => takeProblems(true, async () => openProblems(await fetchDemoProblems())),
  useProblemFiles: (files) => takeProblems(false, () => openProblems(files.map(sourceOf))),

  plan: async (config) => planSummary(needModel(), config, (await device()).gpu),

  importSettings: async (text, config) => {
    const loaded = problems.value?.opened;
    return importVerlText(text, config, { problems: loaded && trainingCount(loaded) });
  },
  exportSettings: async (what, config, kept) => {
    const { name, bytes } = what === "config" ? configYaml(config, kept) : configCommand(config, kept);
    return new File([bytes as Uint8Array<ArrayBuffer>], name);
  },

  testReward: (code, limitMs, group) => testReward(code, limitMs, testSamples(problems.value?.opened, group)),

  start: (config, clusterSettings, onEvent) =>
    telling(onEvent, async () => {
      const [inputModel, inputProblems] = [needModel(), needProblems()];
      const { runs, checkpoints } = await store();
      const id = crypto.randomUUID();
      return begin(id, async () => {
        const inputs = {
          model: inputModel,
          problems: splitOf(inputProblems, config["gradus.held_out_ratio"]),
          dataName: inputProblems.name,
          config,
          kept: clusterSettings,
        };
        const run = await beginRun(await device(), { runs, checkpoints }, id, inputs, onEvent);
        filesKept = keepFiles(runs, id, inputModel, inputProblems).catch((error: unknown) =>
          onEvent({ type: "notice", message: (error as Error).message }),
        );
        return run;
      });
    }),
  resumeRun: (id, step, changes, onEvent) =>
    telling(onEvent, async () => {
      const kept = await store();
      const record = await kept.runs.load(id);
      const config = await keptConfig(kept, id, changes);
      checkResumable(await keptConfig(kept, id), config);
      await endOwn(id);
      return begin(id, async () => {
        const keptInputs = await Promise.all([
          keptModel(kept.runs, id, record.modelName),
          keptProblems(kept.runs, id),
        ]);
        const inputs = {
          model: keptInputs[0],
          problems: splitOf(keptInputs[1], config["gradus.held_out_ratio"]),
          dataName: record.dataName,
          config,
        };
        return continueRun(await device(), kept, id, step, inputs, onEvent);
      });
    }),
  pause: async () => needRun().trainer.pause(),
  proceed: async () => needRun().trainer.proceed(),
  stop: async () => needRun().trainer.stop(),
  evaluateSoon: async () => needRun().trainer.evaluateSoon(),
  saveSoon: async () => needRun().trainer.saveSoon(),

  runs: async () => runSummaries(await store(), active?.id),
  removeRun: async (id) => {
    if (active?.id === id) throw new UserError("This run is under way: stop it before removing it.");
    const release = await holdRun(id);
    if (!release) throw new UserError("This run is open in another tab. Stop it there before removing it.");
    try {
      await (await store()).runs.remove(id);
    } finally {
      await release();
    }
  },
  removeCheckpoint: async (id, step) => (await store()).checkpoints.remove(id, step),
  download: async (what, id, step) => downloadOf(await store(), what, id, step),
  storage: async () => {
    const { usedBytes, quotaBytes, isPersisted } = await storageEstimate();
    return { usedBytes: usedBytes ?? 0, quotaBytes: quotaBytes ?? 0, isPersisted };
  },
};

expose(api);
