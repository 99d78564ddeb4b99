// The composition root of the page: puts the parts of the interface together. All that they do is in src/app and below; they
// hold what is current (current.ts) and hand out plain data.

import { expose } from "comlink";

import { openProblems } from "../app/problems.ts";
import type { OpenedProblems } from "../app/problems.ts";
import type { ProblemsSummary, WorkerApi } from "./api.ts";
import { device, gpuMemory, model, problems, sourceOf } from "./current.ts";
import { fetchDemoProblems } from "./demo.ts";
import { exportApi } from "./exports.ts";
import { hubApi } from "./hub.ts";
import { judgeApi } from "./judge.ts";
import { keptApi } from "./kept.ts";
import { modelApi } from "./models.ts";
import { recipeApi } from "./recipe.ts";
import { runApi } from "./run.ts";
import { deviceSummary, problemsSummary } from "./summaries.ts";

async function takeProblems(isDemo: boolean, open: () => Promise<OpenedProblems>): Promise<ProblemsSummary> {
  const current = await problems.take(async () => ({ opened: await open(), isDemo }));
  return problemsSummary(current.opened, model.value?.opened, current.isDemo);
}

const api: WorkerApi = {
  openDevice: async () => deviceSummary(await device()),
  device: async () => deviceSummary(await device()),
  setGpuMemory: async (bytes) => {
    gpuMemory.bytes = bytes;
  },
  useDemoProblems: () => takeProblems(true, async () => openProblems(await fetchDemoProblems())),
  useProblemFiles: (files) => takeProblems(false, () => openProblems(files.map(sourceOf))),
  ...modelApi,
  ...hubApi,
  ...judgeApi,
  ...recipeApi,
  ...runApi,
  ...keptApi,
  ...exportApi,
};

expose(api);
