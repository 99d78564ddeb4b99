// The recipe and its settings, what they would hold on the device, and verl's form of them.

import { configWith } from "../../rl/config.ts";
import type { Preset } from "../../rl/presets/index.ts";
import { adapterPreset, carriedOver, presetById, presetIn, withChange } from "../../rl/presets/index.ts";
import type { SettingsForm, WorkerApi } from "../../worker/api.ts";
import { shownGroup } from "../run-view.ts";
import { settingsText } from "../settings-text.ts";
import type { SessionCore } from "./core.ts";
import { FIRST_PRESET } from "./core.ts";

export class SessionRecipe {
  readonly #core: SessionCore;

  constructor(core: SessionCore) {
    this.#core = core;
  }

  /** The preset that is chosen; its settings may have been changed since. */
  get preset(): Preset {
    return presetById(this.#core.state.presetId) ?? FIRST_PRESET;
  }

  /** Takes a preset; what was changed stays where it has nothing to do with the recipe. */
  async use(presetId: string): Promise<void> {
    const preset = presetById(presetId) ?? FIRST_PRESET;
    const config = carriedOver(this.#core.state.config, this.preset, preset);
    this.#core.set({ presetId: preset.id, config, imported: undefined, kept: {} });
    await this.refreshPlan();
  }

  /** Goes over to the sizes and the learning rate of an adapter, where all weights were to be trained. */
  useForAdapter(): void {
    const [former, preset] = [this.preset, adapterPreset(this.preset)];
    if (preset === former) return;
    this.#core.set({ presetId: preset.id, config: carriedOver(this.#core.state.config, former, preset) });
  }

  /** Takes the preset as it is. */
  async reset(): Promise<void> {
    this.#core.set({ config: configWith(this.preset.values), imported: undefined, kept: {} });
    await this.refreshPlan();
  }

  /** Changes settings; the recipe's error says why when they do not go together, and the former ones stay. */
  async change(values: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#core.attempt("recipe", async () => {
      this.#core.set({ config: withChange(this.preset, this.#core.state.config, values) });
      await this.#plan();
    });
  }

  /** Applies a verl command or YAML, under the recipe that it is, if any; `state.imported` says what became of it. Rejects when it cannot be read. */
  async importText(text: string): Promise<void> {
    const { state, worker } = this.#core;
    const imported = await worker.importSettings(text, state.config);
    const { form, ground } = this.preset;
    const presetId = `${presetIn(imported.config)?.form ?? form}-${ground.id}`;
    const kept = { ...this.#core.state.kept, ...imported.kept };
    this.#core.set({ imported, presetId, config: imported.config, kept });
    await this.refreshPlan();
  }

  /** The same for a dropped file; the recipe's error says why when it cannot be read. */
  async importFiles(files: readonly File[]): Promise<void> {
    await this.#core.attempt("recipe", async () => {
      const [file, ...others] = files;
      const names = files.map(({ name }) => name).join(" and ");
      if (others.length > 0)
        throw new Error(`${names} are several configurations, and a run has one: drop one of them.`);
      await this.importText(await settingsText(file!));
    });
  }

  /** The settings in verl's form, with what was kept for a cluster. */
  export(what: SettingsForm): Promise<File> {
    const { config, kept } = this.#core.state;
    return this.#core.worker.exportSettings(what, config, kept);
  }

  /** What a reward function makes of the group on show, or of answers of the problems. */
  testReward = (code: string): ReturnType<WorkerApi["testReward"]> => {
    const { config, run } = this.#core.state;
    return this.#core.worker.testReward(code, config["gradus.reward_function_ms"], shownGroup(run));
  };

  async refreshPlan(): Promise<void> {
    await this.#core.attempt("recipe", () => this.#plan());
  }

  async #plan(): Promise<void> {
    const { state, worker } = this.#core;
    if (state.model) {
      const plan = await worker.plan(state.config);
      this.#core.set("problem" in plan ? { plan: undefined, unfit: plan } : { plan, unfit: undefined });
    }
    await this.#core.refreshDevice();
  }
}
