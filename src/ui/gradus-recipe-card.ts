// The recipe: which one, the settings that make it and its sizes, and on demand all others that it reads. Open from the start,
// because it is where a person decides something; one line of help stands below and follows hover and focus.

import { html, LitElement, nothing, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { repeat } from "lit/directives/repeat.js";

import type { ConfigKey, RunConfig } from "../rl/config.ts";
import { CONFIG_KEYS, configWith, differences, fieldOf, isRead } from "../rl/config.ts";
import { whyUnfit } from "../rl/config/data-fit.ts";
import { inSentence } from "../rl/config/words.ts";
import type { Preset } from "../rl/presets/index.ts";
import { baseOf, PRESETS, withChange } from "../rl/presets/index.ts";
import { fieldWords, keysIn, recipeKeys, recipeLine, sizeKeys } from "./field-words.ts";
import { plural } from "./format.ts";
import "./gradus-card.ts";
import type { OpenEvent } from "./gradus-card.ts";
import "./gradus-field.ts";
import type { SettingEvent } from "./gradus-field.ts";
import "./gradus-notice.ts";
import "./gradus-recipe-picker.ts";
import type { PresetEvent } from "./gradus-recipe-picker.ts";
import "./gradus-reward-editor.ts";
import "./gradus-settings.ts";
import "./gradus-verl-import.ts";
import { icon } from "./icons.ts";
import { OWN_FUNCTION, OWN_WEIGHT } from "./own-reward.ts";
import { recipeStyles } from "./recipe-styles.ts";
import type { Session } from "./session.ts";
import { SessionController } from "./session.ts";
import { baseStyles, buttonStyles } from "./styles.ts";
import type { VerlImport } from "../worker/api.ts";

export class GradusRecipeCard extends LitElement {
  static override properties = {
    session: { attribute: false },
    isOpen: { state: true },
    showsAll: { state: true },
    helpKey: { state: true },
    revision: { state: true },
  };

  declare session: Session;
  declare isOpen: boolean;
  declare showsAll: boolean;
  /** The setting whose help is shown. */
  declare helpKey: ConfigKey | undefined;
  /** Counts how often what did not fit was taken back. */
  declare revision: number;

  /** Settings that stand in their fields but do not fit, alone or with the others; tried again with every change. */
  #refused: Readonly<Record<string, unknown>> = {};
  #imported: VerlImport | undefined;

  static override styles = [baseStyles, buttonStyles, recipeStyles];

  constructor() {
    super();
    this.isOpen = true;
    this.showsAll = false;
    this.revision = 0;
    new SessionController(this);
  }

  /** A configuration that was applied takes the place of what stands in the fields. */
  override willUpdate(): void {
    const { imported } = this.session.state;
    if (imported !== this.#imported && imported !== undefined) this.#forget();
    this.#imported = imported;
  }

  override render(): TemplateResult {
    const { config, errors, model } = this.session.state;
    const { preset } = this.session.recipe;
    const base = { ...baseOf(preset, config), ...model?.adapter?.settings };
    return html`
      <gradus-card
        number="3"
        heading="Recipe"
        .isOpen=${errors.recipe ? true : this.isOpen}
        .isDone=${!errors.recipe}
        @open-change=${({ isOpen }: OpenEvent) => (this.isOpen = isOpen)}
        @setting=${this.#set}
      >
        <div slot="summary">${preset.label}<span class="quiet">, ${recipeLine(config)}</span></div>
        <gradus-recipe-picker
          .preset=${preset}
          .config=${config}
          .hasAdapter=${model?.adapter !== undefined}
          @preset=${({ presetId }: PresetEvent) => this.#use(presetId)}
        ></gradus-recipe-picker>
        ${this.#unfit(preset)} ${this.#error()} ${this.#fields(config, base, preset)}
        ${this.#all(config, base, preset.id)}
        <gradus-reward-editor .session=${this.session} ?hidden=${!canJudge(config)}></gradus-reward-editor>
        <gradus-verl-import .session=${this.session}></gradus-verl-import>
      </gradus-card>
    `;
  }

  /** Settings that the adapter decides which the run goes on from. */
  get #decided(): ReadonlySet<string> {
    return new Set(Object.keys(this.session.state.model?.adapter?.settings ?? {}));
  }

  /** The method does not learn from the data that is loaded. */
  #unfit({ ground }: Preset): TemplateResult | typeof nothing {
    const { config, problems } = this.session.state;
    const why = problems && whyUnfit(config, problems.kind);
    if (!why) return nothing;
    const better = PRESETS.find(
      (preset) => preset.ground === ground && !whyUnfit(configWith(preset.values), problems.kind),
    )!;
    return html`<gradus-notice tone="warning">
      ${why}
      <button slot="actions" @click=${() => this.#use(better.id)}>Take ${better.label}</button>
    </gradus-notice>`;
  }

  #error(): TemplateResult | typeof nothing {
    const { recipe } = this.session.state.errors;
    if (!recipe) return nothing;
    const [key] = keysIn(recipe);
    return html`<gradus-notice tone="error" .dismiss=${this.#takeBack}>
      ${recipe}
      ${
        key
          ? html`<button slot="actions" @click=${() => this.#show(key)}>
              Show ${inSentence(fieldOf(key).label)}
            </button>`
          : nothing
      }
    </gradus-notice>`;
  }

  #fields(config: RunConfig, base: RunConfig, preset: Preset): TemplateResult {
    const groups = [
      { label: "The run", keys: sizeKeys(config) },
      { label: `What makes it ${inSentence(preset.recipe.label)}`, keys: recipeKeys(preset, config) },
    ].filter(({ keys }) => keys.length > 0);
    return html`
      <div class="common" @pointerover=${this.#point} @focusin=${this.#point} @pointerleave=${this.#leave}>
        ${groups.map(
          ({ label, keys }) =>
            html`<fieldset>
              <legend>${label}</legend>
              ${repeat(
                keys,
                (key) => `${preset.id}:${key}`,
                (key) =>
                  html`<gradus-field
                    .isFixed=${this.#decided.has(key)}
                    .name=${key}
                    .value=${config[key]}
                    .base=${base[key]}
                    .revision=${this.revision}
                  ></gradus-field>`,
              )}
            </fieldset>`,
        )}
      </div>
      <div class="gloss quiet" aria-hidden="true">
        <p>${this.#gloss()}</p>
      </div>
    `;
  }

  /** Screen readers get the same words from the field itself. */
  #gloss(): TemplateResult {
    if (!this.helpKey) return html`Point at a setting to read what it does.`;
    const field = fieldOf(this.helpKey);
    return html`<strong>${field.label}.</strong> ${field.help} ${fieldWords(field)}
      <span class="number">${this.helpKey}</span>`;
  }

  #all(config: RunConfig, base: RunConfig, presetId: string): TemplateResult {
    const count = CONFIG_KEYS.filter((key) => isRead(key, config)).length;
    const changed = Object.keys(differences(config, base)).length;
    return html`
      <div class="more">
        <button
          class="plain all"
          aria-expanded=${this.showsAll}
          @click=${() => (this.showsAll = !this.showsAll)}
        >
          ${icon("chevron")}All ${count} settings of this recipe
        </button>
        ${
          changed > 0
            ? html`<button class="plain" @click=${this.#reset}>
                ${icon("reset")}Reset ${plural(changed, "changed setting")}
              </button>`
            : nothing
        }
      </div>
      ${
        this.showsAll
          ? keyed(
              presetId,
              html`<gradus-settings
                .fixed=${this.#decided}
                .config=${config}
                .base=${base}
                .revision=${this.revision}
              ></gradus-settings>`,
            )
          : nothing
      }
    `;
  }

  #forget = (): void => {
    this.#refused = {};
    this.revision++;
  };

  #use(id: string): void {
    this.#forget();
    void this.session.recipe.use(id);
  }

  #reset = (): void => {
    this.#forget();
    void this.session.recipe.reset();
  };

  #show(key: ConfigKey): void {
    this.showsAll = true;
    void this.updateComplete.then(async () => {
      const settings = this.renderRoot.querySelector("gradus-settings");
      if (!settings) return;
      settings.query = key;
      await settings.updateComplete;
      settings.scrollIntoView({ block: "center" });
    });
  }

  #set = ({ key, value }: SettingEvent): void => {
    const { config } = this.session.state;
    const values = { ...this.#refused, [key]: value };
    this.#refused = isWhole(this.session.recipe.preset, values, config) ? {} : values;
    void this.session.recipe.change(values);
  };

  /** Leaves the settings as they are applied; says so again if they do not fit the device. */
  #takeBack = (): void => {
    this.#refused = {};
    this.revision++;
    void this.session.recipe.refreshPlan();
  };

  #point = (event: Event): void => {
    const field = event.target as HTMLElementTagNameMap["gradus-field"];
    if (field.localName === "gradus-field") this.helpKey = field.name;
  };

  #leave = (): void => {
    this.helpKey = undefined;
  };
}

/** Whether a function could judge responses, or there is one to see. */
const canJudge = (config: RunConfig): boolean => isRead(OWN_WEIGHT, config) || config[OWN_FUNCTION] !== "";

/** Whether the settings fit, and go together. */
function isWhole(preset: Preset, values: Readonly<Record<string, unknown>>, config: RunConfig): boolean {
  try {
    withChange(preset, config, values);
    return true;
  } catch {
    return false;
  }
}

customElements.define("gradus-recipe-card", GradusRecipeCard);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-recipe-card": GradusRecipeCard;
  }
}
