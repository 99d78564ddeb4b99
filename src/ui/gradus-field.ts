// One setting of the recipe, drawn from its description. Dispatches a SettingEvent for what is typed; a value that does not
// fit stays where it was typed, marked, until it is changed or the card around it takes it back.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";

import type { ConfigKey, Field, FieldValue } from "../rl/config.ts";
import { fieldOf, problemWith } from "../rl/config.ts";
import { isSameValue, textOf, valueWords } from "../rl/config/words.ts";
import { fieldWords } from "./field-words.ts";
import { icon } from "./icons.ts";
import { baseStyles, inputStyles } from "./styles.ts";
import { fieldStyles } from "./field-styles.ts";

/** The person has set a setting; the value may not fit, and whoever hears it says so. */
export class SettingEvent extends Event {
  readonly key: ConfigKey;
  readonly value: unknown;
  constructor(key: ConfigKey, value: unknown) {
    super("setting", { bubbles: true, composed: true });
    this.key = key;
    this.value = value;
  }
}

export class GradusField extends LitElement {
  static override properties = {
    name: {},
    value: { attribute: false },
    base: { attribute: false },
    revision: { attribute: false },
    isLong: { type: Boolean, reflect: true, attribute: "long" },
    isUnread: { type: Boolean, reflect: true, attribute: "unread" },
    isFixed: { type: Boolean, reflect: true, attribute: "fixed" },
    draft: { state: true },
    problem: { state: true },
  };

  declare name: ConfigKey;
  declare value: FieldValue;
  /** What the recipe has; another value is marked, and can be reset to it. */
  declare base: FieldValue;
  /** A new number takes back what was typed and is not applied. */
  declare revision: number;
  /** With its help and default written out beside it; short fields leave them to hover and focus. */
  declare isLong: boolean;
  /** The chosen recipe does not read it: it can be set, and changes nothing. */
  declare isUnread: boolean;
  /** The adapter that the run goes on from decides it. */
  declare isFixed: boolean;
  /** What was typed and is not applied. */
  declare draft: string | undefined;
  declare problem: string | undefined;

  static override styles = [baseStyles, inputStyles, fieldStyles];

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("value");
    const isChanged = before !== undefined && !isSameValue(before, this.value);
    if (isChanged || changed.has("revision")) this.#forget();
  }

  override render(): TemplateResult {
    const field = fieldOf(this.name);
    const isGroup = field.kind === "choices";
    return html`
      <div class="field" role=${isGroup ? "group" : nothing} aria-labelledby=${isGroup ? "label" : nothing}>
        <div class="name">
          ${
            isGroup
              ? html`<span id="label">${field.label}</span>`
              : html`<label for="input">${field.label}</label>`
          }
          ${this.#reset(field)}
        </div>
        <fieldset class="control" role="none" ?disabled=${this.isFixed}>${this.#control(field)}</fieldset>
        ${this.#help(field)}
        ${
          this.problem
            ? html`<p class=${this.isLong ? "problem" : "hidden"} id="problem">${this.problem}</p>`
            : nothing
        }
      </div>
    `;
  }

  #help(field: Field): TemplateResult {
    return html`<p class=${this.isLong ? "help" : "hidden"} id="help">
      ${this.isUnread ? html`<span class="unread">Not read by this recipe.</span> ` : nothing}${this.isFixed ? html`<span class="unread">Decided by the adapter that the run goes on from.</span> ` : nothing}${field.unit ? html`<span class="hidden">In ${field.unit}.</span>` : nothing}${field.help}
      ${chosenHelp(field, this.value)} ${fieldWords(field)}
      ${this.isLong ? html`<span class="key number">${this.name}</span>` : nothing}
    </p>`;
  }

  #reset(field: Field): TemplateResult | typeof nothing {
    if (this.isFixed || (this.draft === undefined && isSameValue(this.value, this.base))) return nothing;
    const words = `Reset ${field.label.toLowerCase()} to ${valueWords(field, this.base)}`;
    return html`<button class="reset" aria-label=${words} title=${words} @click=${this.#toBase}>
      ${icon("reset")}
    </button>`;
  }

  #control(field: Field): TemplateResult {
    const invalid = this.problem ? "true" : nothing;
    const described = this.problem ? "problem help" : "help";
    switch (field.kind) {
      case "boolean":
        return html`<input
          id="input"
          type="checkbox"
          role="switch"
          aria-describedby=${described}
          .checked=${this.value as boolean}
          @change=${(event: Event) => this.#apply((event.target as HTMLInputElement).checked)}
        />`;
      case "choice":
        return html`<select
          id="input"
          aria-describedby=${described}
          title=${valueWords(field, this.value)}
          .value=${this.value as string}
          @change=${(event: Event) => this.#apply((event.target as HTMLSelectElement).value)}
        >
          ${field.choices.map(
            ({ value, label }) =>
              html`<option value=${value} ?selected=${value === this.value}>${label}</option>`,
          )}
        </select>`;
      case "choices":
        return html`${field.choices.map(
          ({ value, label }) =>
            html`<label class="option">
              <input
                type="checkbox"
                .checked=${(this.value as readonly string[]).includes(value)}
                @change=${() => this.#toggle(value)}
              />${label}
            </label>`,
        )}`;
      case "text":
        return html`<textarea
          id="input"
          rows="3"
          spellcheck="false"
          autocapitalize="off"
          aria-invalid=${invalid}
          aria-describedby=${described}
          .value=${this.value as string}
          @change=${(event: Event) => this.#apply((event.target as HTMLTextAreaElement).value)}
        ></textarea>`;
      case "number":
      case "integer":
      case "numbers":
      case "line":
        return html`<input
            id="input"
            class="number"
            type="text"
            inputmode=${field.kind === "integer" && !field.special ? "numeric" : "text"}
            autocomplete="off"
            spellcheck="false"
            aria-invalid=${invalid}
            aria-describedby=${described}
            .value=${this.draft ?? textOf(this.value)}
            @input=${this.#typed}
            @change=${this.#typedAll}
          />${field.unit ? html`<span class="unit" aria-hidden="true">${field.unit}</span>` : nothing}`;
    }
  }

  #typed = (event: Event): void => {
    this.draft = (event.target as HTMLInputElement).value;
    this.problem &&= problemWith(this.name, this.draft);
  };

  #typedAll = (event: Event): void => {
    const text = (event.target as HTMLInputElement).value;
    // What is applied already is no draft: it may have been typed over and back.
    this.draft = text.trim() === textOf(this.value) ? undefined : text;
    this.#apply(text);
  };

  #toggle(value: string): void {
    const chosen = this.value as readonly string[];
    this.#apply(chosen.includes(value) ? chosen.filter((item) => item !== value) : [...chosen, value]);
    this.requestUpdate();
  }

  #apply(value: unknown): void {
    this.problem = problemWith(this.name, value);
    this.dispatchEvent(new SettingEvent(this.name, value));
  }

  #toBase = (): void => {
    this.#forget();
    this.dispatchEvent(new SettingEvent(this.name, this.base));
    // The button goes; whoever pressed it stays at the field.
    this.renderRoot.querySelector<HTMLElement>("#input")?.focus();
  };

  #forget(): void {
    this.draft = undefined;
    this.problem = undefined;
  }
}

/** What the chosen entry of a list means. */
function chosenHelp(field: Field, value: FieldValue): string {
  const choice = field.kind === "choice" ? field.choices.find((entry) => entry.value === value) : undefined;
  return choice?.help ? `${choice.label}: ${choice.help}` : "";
}

customElements.define("gradus-field", GradusField);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-field": GradusField;
  }
  interface HTMLElementEventMap {
    setting: SettingEvent;
  }
}
