// The run on the screen, the runs that are kept in this browser, and what can be downloaded of them.

import type { RunEvent, RunSnapshot, WorkerApi } from "../../worker/api.ts";
import { viewAfter, viewOf } from "../run-view.ts";
import type { SessionCore } from "./core.ts";

export class SessionRuns {
  readonly #core: SessionCore;

  constructor(core: SessionCore) {
    this.#core = core;
  }

  async train(): Promise<void> {
    this.#core.set({ place: "run" });
    await this.#core.attempt("run", async () => {
      const { config, kept } = this.#core.state;
      this.#show(await this.#core.worker.start(config, kept, this.#listen));
    });
  }

  /** Goes on with a kept run; `changes` are settings on top of its own. */
  async resume(id: string, step?: number, changes: Readonly<Record<string, unknown>> = {}): Promise<void> {
    this.#core.set({ place: "run" });
    await this.#core.attempt("run", async () => {
      this.#show(await this.#core.worker.resumeRun(id, step, changes, this.#listen));
    });
  }

  pause = (): Promise<void> => this.#ask("pause");
  proceed = (): Promise<void> => this.#ask("proceed");
  stop = (): Promise<void> => this.#ask("stop");
  evaluateSoon = (): Promise<void> => this.#ask("evaluateSoon");
  saveSoon = (): Promise<void> => this.#ask("saveSoon");

  async refresh(): Promise<void> {
    await this.#core.attempt("checkpoints", async () => {
      const { worker } = this.#core;
      const [runs, storage] = await Promise.all([worker.runs(), worker.storage()]);
      this.#core.set({ runs, storage });
    });
  }

  async remove(id: string): Promise<void> {
    await this.#core.attempt("checkpoints", async () => {
      await this.#core.worker.removeRun(id);
      // What is shown of a run that is removed would offer files that are gone.
      if (this.#core.state.run?.id === id) this.#core.forget("run");
    });
    await this.refresh();
  }

  async removeCheckpoint(id: string, step: number): Promise<void> {
    await this.#core.attempt("checkpoints", () => this.#core.worker.removeCheckpoint(id, step));
    await this.refresh();
  }

  /** The file, or undefined when it failed: the error is shown then. */
  async download(...args: Parameters<WorkerApi["download"]>): Promise<File | undefined> {
    let file: File | undefined;
    await this.#core.attempt("checkpoints", async () => {
      file = await this.#core.worker.download(...args);
    });
    return file;
  }

  #ask(what: "pause" | "proceed" | "stop" | "evaluateSoon" | "saveSoon"): Promise<void> {
    return this.#core.attempt("run", () => this.#core.worker[what]());
  }

  /** Events may come before the call that began the run returns, so the view is made on the first of either. */
  #listen = (event: RunEvent): void => {
    this.#core.set({ run: viewAfter(this.#core.state.run, event) });
    if (event.type === "checkpoint") void this.refresh();
    if (event.type === "state") void this.#core.attempt("device", () => this.#core.refreshDevice());
  };

  #show(snapshot: RunSnapshot): void {
    this.#core.set({ run: viewOf(snapshot, this.#core.state.run) });
  }
}
