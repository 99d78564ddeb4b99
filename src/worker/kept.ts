// What is kept in this browser: runs, their checkpoints, and what can be downloaded of them.

import { UserError } from "../common/errors.ts";
import { storageEstimate } from "../storage/quota.ts";
import { holdRun } from "../storage/run-lock.ts";
import type { KeptApi } from "./api/kept.ts";
import { running, store } from "./current.ts";
import { downloadOf } from "./downloads.ts";
import { settled } from "./run.ts";
import { runSummaries } from "./summaries.ts";

export const keptApi: KeptApi = {
  runs: async () => runSummaries(await store(), running.active?.id),
  removeRun: async (id) => {
    if (running.active?.id === id) throw new UserError("This run is under way: stop it before removing it.");
    await settled();
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
