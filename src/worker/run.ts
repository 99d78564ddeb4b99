// The run under way: at most one, held against other tabs until it has ended.

import { keptFor } from "../app/adapter-files.ts";
import { keepFiles, keptModel, keptProblems } from "../app/kept-files.ts";
import { beginRun, continueRun, keptConfig } from "../app/kept-run.ts";
import type { ActiveRun } from "../app/kept-run.ts";
import { splitOf } from "../app/problems.ts";
import { UserError } from "../common/errors.ts";
import { checkResumable } from "../rl/config.ts";
import type { RunListener } from "../rl/events.ts";
import { holdRun } from "../storage/run-lock.ts";
import type { Release } from "../storage/run-lock.ts";
import type { RunApi, RunSnapshot } from "./api/run.ts";
import { checking, device, needModel, needProblems, needRun, running, store } from "./current.ts";
import { leaveJudging } from "./judge.ts";

/** Settles when the last run has let go of the device, and of its files. */
let released: Promise<void> = Promise.resolve();
/** Settles when the files of the last run are kept, or could not be. */
let filesKept: Promise<void> = Promise.resolve();

/** Waits until nothing is written of a run that has ended. */
export const settled = async (): Promise<void> => {
  if (!running.active) await released;
};

/** Runs `start` as the only run, holding it against other tabs, and lets go of it when it has ended. */
async function begin(id: string, start: () => Promise<ActiveRun>): Promise<RunSnapshot> {
  if (running.active || running.isStarting)
    throw new UserError("A run is under way, and the device has room for one: stop it first.");
  running.isStarting = true;
  let release: Release | undefined;
  let active: ActiveRun;
  try {
    await leaveJudging();
    await checking.ended;
    release = await holdRun(id);
    if (!release)
      throw new UserError("This run is open in another tab. Go on with it there, or close that tab first.");
    running.active = active = await start();
  } catch (error) {
    await release?.();
    throw error;
  } finally {
    running.isStarting = false;
  }
  const { config, trainer, ended } = active;
  const letGo = async (): Promise<void> => {
    running.active = undefined;
    // Its files may still be on their way: another tab must neither resume nor remove it before.
    await filesKept;
    await release();
  };
  // What went wrong was told as an event.
  released = ended.then(letGo, letGo);
  const { history, evaluations } = trainer.progress;
  return { id, config, history, evaluations };
}

/** Ends this tab's run `id`, if it is under way, so that it can be continued. */
async function endOwn(id: string): Promise<void> {
  if (running.active?.id === id) {
    await filesKept;
    running.active.trainer.stop();
    await released;
  }
  await settled();
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

export const runApi: RunApi = {
  start: (config, clusterSettings, onEvent) =>
    telling(onEvent, async () => {
      const [model, problems] = [needModel(), needProblems()];
      const { runs, checkpoints } = await store();
      const id = crypto.randomUUID();
      return begin(id, async () => {
        const inputs = {
          model,
          problems: splitOf(problems, config["gradus.held_out_ratio"]),
          dataName: problems.name,
          config,
          kept: keptFor(model, clusterSettings),
        };
        running.last = { id, model };
        const run = await beginRun(await device(), { runs, checkpoints }, id, inputs, onEvent);
        filesKept = keepFiles(runs, id, model, problems).catch((error: unknown) =>
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
        const [model, problems] = await Promise.all([
          keptModel(kept.runs, id, record.modelName),
          keptProblems(kept.runs, id),
        ]);
        const inputs = {
          model,
          problems: splitOf(problems, config["gradus.held_out_ratio"]),
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
};
