// Which model is loaded: the demo, dropped files, or one from a hub (hub.ts).

import type { LoadProgress, ModelSummary } from "../../worker/api.ts";
import { splitAdapter } from "../file-drop.ts";
import type { SessionCore } from "./core.ts";
import type { SessionJudge } from "./judge.ts";
import { setupFor } from "./kept-setup.ts";
import type { SessionRecipe } from "./recipe.ts";

export class SessionModels {
  readonly #core: SessionCore;
  readonly #recipe: SessionRecipe;
  readonly #judge: SessionJudge;
  /** Whether a person has brought a model, so that the demo is not needed. */
  isChosen = false;

  constructor(core: SessionCore, recipe: SessionRecipe, judge: SessionJudge) {
    this.#core = core;
    this.#recipe = recipe;
    this.#judge = judge;
  }

  useDemo(): Promise<void> {
    return this.#load(() => this.#core.worker.useDemoModel(this.#tell));
  }

  /** A model's files, an adapter's, or both. */
  async useFiles(files: readonly File[]): Promise<void> {
    const { model, adapter } = splitAdapter(files);
    if (model.length > 0) await this.use(() => this.#core.worker.useModelFiles(model, this.#tell));
    // It belongs to the model that has not come.
    if (adapter.length === 0 || (model.length > 0 && this.#core.state.errors.model)) return;
    await this.#change(() => this.#core.worker.useAdapterFiles(adapter));
    if (!this.#core.state.errors.model) this.#recipe.useForAdapter();
    await this.#recipe.refreshPlan();
  }

  removeAdapter = async (): Promise<void> => {
    await this.#change(() => this.#core.worker.removeAdapter());
    await this.#recipe.refreshPlan();
  };

  /** A model that `load` brings. */
  use(load: () => Promise<ModelSummary>): Promise<void> {
    this.isChosen = true;
    return this.#load(load);
  }

  #tell = (modelProgress: LoadProgress): void => this.#core.set({ modelProgress });

  async #load(load: () => Promise<ModelSummary>): Promise<void> {
    await this.#core.attempt("model", async () => this.#follow(await load()));
    this.#core.forget("modelProgress");
    if (this.#core.state.model) await this.#recipe.refreshPlan();
  }

  /** The same model with something about it changed. */
  #change(work: () => Promise<ModelSummary>): Promise<void> {
    return this.#core.attempt("model", async () => this.#core.set({ model: await work() }));
  }

  /** Shows the model, on the sizes that suit it: those it had when such a model was here last, or the usual ones. */
  #follow(model: ModelSummary): void {
    const ground = model.isDemo ? "demo" : "own";
    this.#core.set({ model, ...setupFor(ground, this.#core.state, this.#recipe.preset) });
    void this.#judge.forget();
    // The demo was compared when it was made, and ONNX Runtime is more to fetch than the demo itself.
    if (model.isOnnx && !model.isDemo) void this.#judge.ask();
  }
}
