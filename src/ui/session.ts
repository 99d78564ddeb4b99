// Everything the page shows, in one place, and everything it can ask for. Elements read `session.state` through a
// SessionController and call the methods; only this file talks to the worker. Computes nothing.

import { configWith } from "../rl/config.ts";
import type { Preset } from "../rl/presets/index.ts";
import { carriedOver, presetById, presetIn, PRESETS, withChange } from "../rl/presets/index.ts";
import type {
  HubOffer,
  ModelSummary,
  RunEvent,
  RunSnapshot,
  SettingsForm,
  WorkerApi,
} from "../worker/api.ts";
import { keepSetup, keptSetup, setupFor } from "./kept-setup.ts";
import { shownGroup, viewAfter, viewOf } from "./run-view.ts";
import type { Concern, Place, SessionState } from "./session-state.ts";
import { settingsText } from "./settings-text.ts";

export { SessionController } from "./session-controller.ts";

export type { Concern, Place, SessionState } from "./session-state.ts";
export { isUnderWay, PLACES } from "./session-state.ts";

const FIRST_PRESET = PRESETS[0]!;

export class Session extends EventTarget {
  readonly #worker: WorkerApi;
  /** Whether a person has brought files, so that the demo is not needed. */
  readonly #chosen = { model: false, problems: false };
  state: SessionState = {
    place: "setup",
    ...(keptSetup() ?? { presetId: FIRST_PRESET.id, config: configWith(FIRST_PRESET.values) }),
    kept: {},
    runs: [],
    errors: {},
    busy: {},
  };

  constructor(worker: WorkerApi) {
    super();
    this.#worker = worker;
  }

  /** Opens the device, then loads the demo; nothing is fetched where the device is missing. */
  async open(): Promise<void> {
    await this.#attempt("device", async () => this.set({ device: await this.#worker.openDevice() }));
    if (this.state.errors.device) return;
    // Files may have been dropped while the device was being opened.
    const { model, problems } = this.#chosen;
    await Promise.all([
      model ? undefined : this.useDemoModel(),
      problems ? undefined : this.useDemoProblems(),
      this.refreshRuns(),
    ]);
  }

  set(patch: Partial<SessionState>): void {
    this.state = { ...this.state, ...patch };
    if (patch.config) keepSetup(this.state);
    this.dispatchEvent(new Event("change"));
  }

  goTo(place: Place): void {
    this.set({ place });
    if (place === "checkpoints") void this.refreshRuns();
  }

  useDemoModel(): Promise<void> {
    return this.#load(() => this.#worker.useDemoModel((modelProgress) => this.set({ modelProgress })));
  }

  useModelFiles(files: readonly File[]): Promise<void> {
    this.#chosen.model = true;
    return this.#load(() =>
      this.#worker.useModelFiles(files, (modelProgress) => this.set({ modelProgress })),
    );
  }

  /** What a repository offers. Rejects with a sentence. */
  hubOffer(repository: string, hubUrl: string): Promise<HubOffer> {
    return this.#worker.hubOffer(repository, hubUrl);
  }

  async useHubModel({ repository, revision }: HubOffer, variant: string, hubUrl: string): Promise<void> {
    this.#chosen.model = true;
    await this.#load(() =>
      this.#worker.useHubModel({ repository, revision }, variant, hubUrl, (modelProgress) =>
        this.set({ modelProgress }),
      ),
    );
  }

  stopFetching = (): Promise<void> => this.#attempt("model", () => this.#worker.stopFetching());

  /** Models that were fetched before; none where the browser keeps no files. */
  cachedModels = async (): Promise<readonly HubOffer[]> => this.#worker.cachedModels().catch(() => []);

  async removeCachedModel({ repository, revision }: HubOffer): Promise<void> {
    await this.#attempt("model", () => this.#worker.removeCachedModel(repository, revision));
  }

  useDemoProblems(): Promise<void> {
    return this.#attempt("problems", async () =>
      this.set({ problems: await this.#worker.useDemoProblems() }),
    );
  }

  useProblemFiles(files: readonly File[]): Promise<void> {
    this.#chosen.problems = true;
    return this.#attempt("problems", async () =>
      this.set({ problems: await this.#worker.useProblemFiles(files) }),
    );
  }

  /** The preset that is chosen; its settings may have been changed since. */
  get preset(): Preset {
    return presetById(this.state.presetId) ?? FIRST_PRESET;
  }

  /** Takes a preset; what was changed stays where it has nothing to do with the recipe. */
  async usePreset(presetId: string): Promise<void> {
    const preset = presetById(presetId) ?? FIRST_PRESET;
    const config = carriedOver(this.state.config, this.preset, preset);
    this.set({ presetId: preset.id, config, imported: undefined, kept: {} });
    await this.refreshPlan();
  }

  /** Takes the preset as it is. */
  async resetToPreset(): Promise<void> {
    this.set({ config: configWith(this.preset.values), imported: undefined, kept: {} });
    await this.refreshPlan();
  }

  /** Changes settings; the recipe's error says why when they do not go together, and the former ones stay. */
  async change(values: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#attempt("recipe", async () => {
      this.set({ config: withChange(this.preset, this.state.config, values) });
      await this.#plan();
    });
  }

  /** Applies a verl command or YAML, under the recipe that it is, if any; `state.imported` says what became of it. Rejects when it cannot be read. */
  async importSettings(text: string): Promise<void> {
    const imported = await this.#worker.importSettings(text, this.state.config);
    const { form, ground } = this.preset;
    const presetId = `${presetIn(imported.config)?.form ?? form}-${ground.id}`;
    this.set({ imported, presetId, config: imported.config, kept: { ...this.state.kept, ...imported.kept } });
    await this.refreshPlan();
  }

  /** The same for a dropped file; the recipe's error says why when it cannot be read. */
  async importFiles(files: readonly File[]): Promise<void> {
    await this.#attempt("recipe", async () => {
      const [file, ...others] = files;
      const names = files.map(({ name }) => name).join(" and ");
      if (others.length > 0)
        throw new Error(`${names} are several configurations, and a run has one: drop one of them.`);
      await this.importSettings(await settingsText(file!));
    });
  }

  /** The settings in verl's form, with what was kept for a cluster. */
  exportSettings(what: SettingsForm): Promise<File> {
    return this.#worker.exportSettings(what, this.state.config, this.state.kept);
  }

  /** What a reward function makes of the group on show, or of answers of the problems. */
  testReward = (code: string): ReturnType<WorkerApi["testReward"]> =>
    this.#worker.testReward(code, this.state.config["gradus.reward_function_ms"], shownGroup(this.state.run));

  async refreshPlan(): Promise<void> {
    await this.#attempt("recipe", () => this.#plan());
  }

  async train(): Promise<void> {
    this.set({ place: "run" });
    await this.#attempt("run", async () => {
      this.#show(await this.#worker.start(this.state.config, this.state.kept, this.#listen));
    });
  }

  /** Goes on with a kept run; `changes` are settings on top of its own. */
  async resumeRun(id: string, step?: number, changes: Readonly<Record<string, unknown>> = {}): Promise<void> {
    this.set({ place: "run" });
    await this.#attempt("run", async () => {
      this.#show(await this.#worker.resumeRun(id, step, changes, this.#listen));
    });
  }

  pause = (): Promise<void> => this.#attempt("run", () => this.#worker.pause());
  proceed = (): Promise<void> => this.#attempt("run", () => this.#worker.proceed());
  stop = (): Promise<void> => this.#attempt("run", () => this.#worker.stop());
  evaluateSoon = (): Promise<void> => this.#attempt("run", () => this.#worker.evaluateSoon());
  saveSoon = (): Promise<void> => this.#attempt("run", () => this.#worker.saveSoon());

  async refreshRuns(): Promise<void> {
    await this.#attempt("checkpoints", async () => {
      const [runs, storage] = await Promise.all([this.#worker.runs(), this.#worker.storage()]);
      this.set({ runs, storage });
    });
  }

  async removeRun(id: string): Promise<void> {
    await this.#attempt("checkpoints", async () => {
      await this.#worker.removeRun(id);
      if (this.state.run?.id === id) this.#forgetRun();
    });
    await this.refreshRuns();
  }

  async removeCheckpoint(id: string, step: number): Promise<void> {
    await this.#attempt("checkpoints", () => this.#worker.removeCheckpoint(id, step));
    await this.refreshRuns();
  }

  /** The file, or undefined when it failed: the error is shown then. */
  async download(...args: Parameters<WorkerApi["download"]>): Promise<File | undefined> {
    let file: File | undefined;
    await this.#attempt("checkpoints", async () => {
      file = await this.#worker.download(...args);
    });
    return file;
  }

  dismiss(concern: Concern): void {
    const { [concern]: _, ...errors } = this.state.errors;
    this.set({ errors });
  }

  async #load(load: () => Promise<ModelSummary>): Promise<void> {
    await this.#attempt("model", async () => this.#follow(await load()));
    const { modelProgress: _, ...state } = this.state;
    this.state = state;
    this.set({});
    if (this.state.model) await this.refreshPlan();
  }

  /** Shows the model, on the sizes that suit it: those it had when such a model was here last, or the usual ones. */
  #follow(model: ModelSummary): void {
    this.set({ model, ...setupFor(model.isDemo ? "demo" : "own", this.state, this.preset) });
  }

  async #plan(): Promise<void> {
    if (this.state.model) this.set({ plan: await this.#worker.plan(this.state.config) });
    await this.#refreshDevice();
  }

  /** Memory in use changes when a run begins and ends. */
  async #refreshDevice(): Promise<void> {
    this.set({ device: await this.#worker.device() });
  }

  /** Events may come before the call that began the run returns, so the view is made on the first of either. */
  #listen = (event: RunEvent): void => {
    this.set({ run: viewAfter(this.state.run, event) });
    if (event.type === "checkpoint") void this.refreshRuns();
    if (event.type === "state") void this.#attempt("device", () => this.#refreshDevice());
  };

  #show(snapshot: RunSnapshot): void {
    this.set({ run: viewOf(snapshot, this.state.run) });
  }

  /** What is shown of a run that is removed would offer files that are gone. */
  #forgetRun(): void {
    const { run: _, ...state } = this.state;
    this.state = state;
    this.set({});
  }

  /** Runs `work`; a failure becomes the sentence of `concern`. */
  async #attempt(concern: Concern, work: () => Promise<void>): Promise<void> {
    this.dismiss(concern);
    this.set({ busy: { ...this.state.busy, [concern]: true } });
    try {
      await work();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.set({ errors: { ...this.state.errors, [concern]: message } });
    } finally {
      this.set({ busy: { ...this.state.busy, [concern]: false } });
    }
  }
}
