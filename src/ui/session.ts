// Everything the page shows, in one place, and everything it can ask for. Elements read `session.state` through a
// SessionController and call the methods of its parts; only they talk to the worker. Computes nothing.

import type { WorkerApi } from "../worker/api.ts";
import { SessionCore } from "./session/core.ts";
import { SessionExports } from "./session/exports.ts";
import { keepGpuMemory, keptGpuMemory } from "./session/gpu-memory.ts";
import { SessionHub } from "./session/hub.ts";
import { SessionJudge } from "./session/judge.ts";
import { SessionModels } from "./session/models.ts";
import { SessionProblems } from "./session/problems.ts";
import { SessionRecipe } from "./session/recipe.ts";
import { SessionRuns } from "./session/runs.ts";
import type { Place } from "./session/state.ts";

export { SessionController } from "./session/controller.ts";
export type { Concern, Place, SessionState } from "./session/state.ts";
export { isUnderWay, PLACES } from "./session/state.ts";

export class Session extends SessionCore {
  readonly recipe: SessionRecipe;
  readonly judge: SessionJudge;
  readonly models: SessionModels;
  readonly hub: SessionHub;
  readonly problems: SessionProblems;
  readonly runs: SessionRuns;
  readonly exports: SessionExports;

  constructor(worker: WorkerApi) {
    super(worker);
    this.recipe = new SessionRecipe(this);
    this.judge = new SessionJudge(this);
    this.models = new SessionModels(this, this.recipe, this.judge);
    this.hub = new SessionHub(this, this.models, this.recipe);
    this.problems = new SessionProblems(this);
    this.runs = new SessionRuns(this);
    this.exports = new SessionExports(this);
  }

  /** Opens the device, then loads the demo; nothing is fetched where the device is missing. */
  async open(): Promise<void> {
    await this.attempt("device", async () => {
      await this.worker.setGpuMemory(keptGpuMemory());
      this.set({ device: await this.worker.openDevice() });
    });
    if (this.state.errors.device) return;
    // Files may have been dropped while the device was being opened.
    await Promise.all([
      this.models.isChosen ? undefined : this.models.useDemo(),
      this.problems.isChosen ? undefined : this.problems.useDemo(),
      this.runs.refresh(),
    ]);
  }

  /** Says how much of the GPU runs may take, in bytes; undefined: nobody knows. */
  async setGpuMemory(bytes: number | undefined): Promise<void> {
    keepGpuMemory(bytes);
    await this.worker.setGpuMemory(bytes);
    await this.recipe.refreshPlan();
  }

  goTo(place: Place): void {
    this.set({ place });
    if (place === "checkpoints") void this.runs.refresh();
  }
}
