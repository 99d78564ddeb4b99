// Which recipe: every one in its family, its variants, and what is trained; below, what it is, what a common guide says
// wrongly about it, and what was scaled for a tab. Dispatches a PresetEvent; knows no session.

import { html, LitElement, nothing, type TemplateResult } from "lit";

import type { RunConfig } from "../rl/config.ts";
import { fieldOf } from "../rl/config.ts";
import { inSentence, valueWords } from "../rl/config/words.ts";
import type { Preset, Recipe } from "../rl/presets/index.ts";
import {
  correctionsOf,
  FAMILIES,
  GROUNDS,
  presetById,
  PRESETS,
  RECIPES,
  scaledIn,
  isForAdapter,
} from "../rl/presets/index.ts";
import { plural } from "./format.ts";
import { icon } from "./icons.ts";
import { recipePickerStyles } from "./recipe-picker-styles.ts";
import { summaryStyles } from "./recipe-styles.ts";
import { baseStyles } from "./styles.ts";

/** The person wants this preset. */
export class PresetEvent extends Event {
  readonly presetId: string;
  constructor(presetId: string) {
    super("preset");
    this.presetId = presetId;
  }
}

interface Option {
  readonly presetId: string;
  readonly label: string;
  readonly title: string;
  readonly isChosen: boolean;
}

export class GradusRecipePicker extends LitElement {
  static override properties = {
    preset: { attribute: false },
    config: { attribute: false },
    hasAdapter: { attribute: false },
  };

  declare preset: Preset;
  /** The run goes on from an adapter, so that there is no training of all weights. */
  declare hasAdapter: boolean;
  /** The settings as they stand; what was scaled is told of these. */
  declare config: RunConfig;

  static override styles = [baseStyles, summaryStyles, recipePickerStyles];

  override render(): TemplateResult {
    const { recipe, ground } = this.preset;
    const others = GROUNDS.filter(
      ({ id, model }) =>
        model === ground.model &&
        (!this.hasAdapter || isForAdapter(presetById(`${this.preset.form}-${id}`)!)),
    );
    return html`
      <div class="families" role="radiogroup" aria-label="Recipe">
        ${FAMILIES.map(({ id, label }) => this.#family(id, label))}
      </div>
      ${this.#words()}
      <div class="rows">
        ${recipe.variants ? this.#row("variant", "Variant", this.#variants(recipe)) : nothing}
        ${this.#row(
          "ground",
          "Train",
          others.map(({ id, label, description }) => ({
            presetId: `${this.preset.form}-${id}`,
            label,
            title: description,
            isChosen: id === ground.id,
          })),
        )}
      </div>
      ${this.#corrections()} ${this.#scaled()}
    `;
  }

  #family(id: string, label: string): TemplateResult | typeof nothing {
    const recipes = RECIPES.filter(({ family }) => family === id);
    if (recipes.length === 0) return nothing;
    const options = recipes.map((recipe) => ({
      presetId: `${recipe.id}-${this.preset.ground.id}`,
      label: recipe.label,
      title: recipe.fullName ?? recipe.description,
      isChosen: recipe === this.preset.recipe,
    }));
    return html`<div class="family">
      <span class="label">${label}</span>
      <div class="chips">${options.map((option) => this.#option("recipe", option))}</div>
    </div>`;
  }

  #variants(recipe: Recipe): Option[] {
    const own = PRESETS.filter((preset) => preset.recipe === recipe && preset.ground === this.preset.ground);
    return own.map(({ id, variant }) => ({
      presetId: id,
      label: variant!.label,
      title: variant!.description,
      isChosen: id === this.preset.id,
    }));
  }

  #row(name: string, label: string, options: readonly Option[]): TemplateResult {
    return html`<div class="row" role="radiogroup" aria-label=${label}>
      <span class="label" aria-hidden="true">${label}</span>
      <div class="chips">${options.map((option) => this.#option(name, option))}</div>
    </div>`;
  }

  #option(name: string, { presetId, label, title, isChosen }: Option): TemplateResult {
    return html`<label title=${title}>
      <input
        type="radio"
        name=${name}
        .checked=${isChosen}
        @change=${() => this.dispatchEvent(new PresetEvent(presetId))}
      /><span>${label}</span>
    </label>`;
  }

  #words(): TemplateResult {
    const { recipe, description, source } = this.preset;
    return html`<div class="words">
      <p>
        <strong>${recipe.label}</strong>${recipe.fullName ? html`, ${recipe.fullName}` : nothing}.
        <span class="quiet">${description}</span>
      </p>
      <p class="source quiet">Source: ${linked(source)}</p>
    </div>`;
  }

  #corrections(): TemplateResult | typeof nothing {
    const corrections = correctionsOf(this.preset);
    if (corrections.length === 0) return nothing;
    return html`<details>
      <summary>
        ${icon("chevron")}Where a common guide to ${inSentence(this.preset.recipe.label)} is wrong
      </summary>
      <dl>
        ${corrections.map(
          ({ says, fact }) =>
            html`<dt><span class="quiet">The guide says:</span> ${says}</dt>
              <dd>${fact}</dd>`,
        )}
      </dl>
    </details>`;
  }

  #scaled(): TemplateResult | typeof nothing {
    const { recipe, ground } = this.preset;
    const scaled = scaledIn(this.preset, this.config);
    if (!recipe.original || scaled.length === 0) return nothing;
    return html`<details>
      <summary>
        ${icon("chevron")}Scaled for a tab: ${plural(scaled.length, "setting")}, beside those of the source
      </summary>
      <p class="quiet">${ground.description}</p>
      <table>
        <thead>
          <tr>
            <th scope="col">Setting</th>
            <th scope="col">Here</th>
            <th scope="col">In ${recipe.original.of}</th>
          </tr>
        </thead>
        <tbody>
          ${scaled.map(({ key, original }) => {
            const field = fieldOf(key);
            return html`<tr>
              <th scope="row" title=${key}>${field.label}</th>
              <td class="number">${valueWords(field, this.config[key])}</td>
              <td class="number">${valueWords(field, original)}</td>
            </tr>`;
          })}
        </tbody>
      </table>
    </details>`;
  }
}

/** A source with its arXiv numbers as links. */
function linked(source: string): unknown {
  return source
    .split(/(arXiv:\d+\.\d+)/)
    .map((part) =>
      part.startsWith("arXiv:")
        ? html`<a
            href=${`https://arxiv.org/abs/${part.slice("arXiv:".length)}`}
            target="_blank"
            rel="noopener"
            >${part}</a
          >`
        : part,
    );
}

customElements.define("gradus-recipe-picker", GradusRecipePicker);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-recipe-picker": GradusRecipePicker;
  }
  interface HTMLElementEventMap {
    preset: PresetEvent;
  }
}
