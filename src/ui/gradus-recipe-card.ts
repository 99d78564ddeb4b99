// The recipe: a preset, the few settings that matter most, and on demand all the others. Open from the start, because it is
// where a person decides something; one line of help stands below and follows hover and focus.

import { html, LitElement, nothing, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { repeat } from "lit/directives/repeat.js";

import type { ConfigKey, RunConfig } from "../rl/config.ts";
import { CONFIG_KEYS, configWith, fieldOf, isRead } from "../rl/config.ts";
import { whyUnfit } from "../rl/config/data-fit.ts";
import type { Preset } from "../rl/presets/index.ts";
import { PRESETS } from "../rl/presets/index.ts";
import type { DataKind } from "../worker/api.ts";
import { COMMON_KEYS, defaultWords, keysIn, recipeLine } from "./field-words.ts";
import "./gradus-card.ts";
import type { OpenEvent } from "./gradus-card.ts";
import "./gradus-field.ts";
import type { SettingEvent } from "./gradus-field.ts";
import "./gradus-notice.ts";
import "./gradus-reward-editor.ts";
import "./gradus-settings.ts";
import "./gradus-verl-import.ts";
import { icon } from "./icons.ts";
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
    const { config, presetId, errors } = this.session.state;
    const preset = PRESETS.find(({ id }) => id === presetId)!;
    const base = baseOf(preset);
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
        ${this.#presets(presetId)}
        <p class="quiet description">${preset.description}</p>
        ${this.#unfit() ?? this.#hint(preset)} ${this.#error()} ${this.#common(config, base, presetId)}
        ${this.#all(config, base, presetId)}
        <gradus-reward-editor .session=${this.session}></gradus-reward-editor>
        <gradus-verl-import .session=${this.session}></gradus-verl-import>
      </gradus-card>
    `;
  }

  #presets(presetId: string): TemplateResult {
    return html`<div class="presets" role="group" aria-label="Recipes">
      ${PRESETS.map(
        ({ id, label, description }) =>
          html`<button aria-pressed=${id === presetId} title=${description} @click=${() => this.#use(id)}>
            ${label}
          </button>`,
      )}
    </div>`;
  }

  /** The method does not learn from the data that is loaded. */
  #unfit(): TemplateResult | undefined {
    const { config, problems, model } = this.session.state;
    const why = problems && whyUnfit(config, problems.kind);
    if (!why) return undefined;
    const better = presetFor(problems.kind, model?.isDemo !== false);
    return html`<gradus-notice tone="warning">
      ${why}
      <button slot="actions" @click=${() => this.#use(better.id)}>Take ${better.label}</button>
    </gradus-notice>`;
  }

  /** The demo's settings would harm a model of one's own. */
  #hint(preset: Preset): TemplateResult | typeof nothing {
    const { model } = this.session.state;
    if (!model || model.isDemo || preset.suits !== "demo") return nothing;
    const better = presetFor(this.session.state.problems?.kind ?? "problems", false);
    return html`<gradus-notice tone="warning">
      These settings are made for the demo model: such a learning rate spoils a larger one.
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
              Show ${fieldOf(key).label.toLowerCase()}
            </button>`
          : nothing
      }
    </gradus-notice>`;
  }

  #common(config: RunConfig, base: RunConfig, presetId: string): TemplateResult {
    return html`
      <div class="common" @pointerover=${this.#point} @focusin=${this.#point} @pointerleave=${this.#leave}>
        ${repeat(
          COMMON_KEYS.filter((key) => isRead(key, config)),
          (key) => `${presetId}:${key}`,
          (key) =>
            html`<gradus-field
              .name=${key}
              .value=${config[key]}
              .base=${base[key]}
              .revision=${this.revision}
            ></gradus-field>`,
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
    return html`<strong>${field.label}.</strong> ${field.help} ${defaultWords(field)}
      <span class="number">${this.helpKey}</span>`;
  }

  #all(config: RunConfig, base: RunConfig, presetId: string): TemplateResult {
    return html`
      <button
        class="plain all"
        aria-expanded=${this.showsAll}
        @click=${() => (this.showsAll = !this.showsAll)}
      >
        ${icon("chevron")}All ${CONFIG_KEYS.length} settings
      </button>
      ${
        this.showsAll
          ? keyed(
              presetId,
              html`<gradus-settings
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
    void this.session.usePreset(id);
  }

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
    this.#refused = isWhole(values, config) ? {} : values;
    void this.session.change(values);
  };

  /** Leaves the settings as they are applied; says so again if they do not fit the device. */
  #takeBack = (): void => {
    this.#refused = {};
    this.revision++;
    void this.session.refreshPlan();
  };

  #point = (event: Event): void => {
    const field = event.target as HTMLElementTagNameMap["gradus-field"];
    if (field.localName === "gradus-field") this.helpKey = field.name;
  };

  #leave = (): void => {
    this.helpKey = undefined;
  };
}

/** Whether the settings fit, and go together. */
function isWhole(values: Readonly<Record<string, unknown>>, config: RunConfig): boolean {
  try {
    configWith(values, config);
    return true;
  } catch {
    return false;
  }
}

/** The first recipe that learns from such data, made for the demo model or for any. */
function presetFor(kind: DataKind, isDemo: boolean): Preset {
  const fitting = PRESETS.filter((preset) => whyUnfit(baseOf(preset), kind) === undefined);
  return fitting.find(({ suits }) => suits === (isDemo ? "demo" : "any")) ?? fitting[0]!;
}

const BASES = new Map<string, RunConfig>();

/** The preset as a whole recipe. */
function baseOf({ id, values }: Preset): RunConfig {
  const known = BASES.get(id);
  if (known) return known;
  const base = configWith(values);
  BASES.set(id, base);
  return base;
}

customElements.define("gradus-recipe-card", GradusRecipeCard);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-recipe-card": GradusRecipeCard;
  }
}
