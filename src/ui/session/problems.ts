// Which problems are loaded: the demo's, or dropped files.

import type { ProblemsSummary } from "../../worker/api.ts";
import type { SessionCore } from "./core.ts";

export class SessionProblems {
  readonly #core: SessionCore;
  /** Whether a person has brought problems, so that the demo's are not needed. */
  isChosen = false;

  constructor(core: SessionCore) {
    this.#core = core;
  }

  useDemo(): Promise<void> {
    return this.#load(() => this.#core.worker.useDemoProblems());
  }

  useFiles(files: readonly File[]): Promise<void> {
    this.isChosen = true;
    return this.#load(() => this.#core.worker.useProblemFiles(files));
  }

  #load(load: () => Promise<ProblemsSummary>): Promise<void> {
    return this.#core.attempt("problems", async () => this.#core.set({ problems: await load() }));
  }
}
