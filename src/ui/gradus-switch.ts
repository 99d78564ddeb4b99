// A choice of a few words in one line, of which one holds: radio buttons, drawn as one control. Tells of a choice with a
// `change` event.

import { css, html, LitElement, type TemplateResult } from "lit";

import { baseStyles } from "./styles.ts";

export interface SwitchOption {
  readonly id: string;
  readonly label: string;
}

export class GradusSwitch extends LitElement {
  static override properties = { label: {}, options: { attribute: false }, value: {} };

  /** Its name; not shown. */
  declare label: string;
  declare options: readonly SwitchOption[];
  declare value: string;

  static override styles = [
    baseStyles,
    css`
      fieldset {
        display: inline-flex;
        margin: 0;
        padding: 2px;
        border: 0;
        border-radius: var(--radius-small);
        background: var(--sunken);
      }
      label {
        position: relative;
        padding: 0 8px;
        border-radius: 4px;
        color: var(--text-quiet);
        font-size: var(--size-12);
        line-height: 24px;
        white-space: nowrap;
        cursor: pointer;
      }
      label:hover {
        color: var(--text);
      }
      label:has(:checked) {
        background: var(--surface);
        box-shadow: var(--shadow);
        color: var(--text);
      }
      label:has(:focus-visible) {
        outline: 2px solid var(--accent);
      }
      input {
        position: absolute;
        inset: 0;
        margin: 0;
        opacity: 0;
        cursor: pointer;
      }
    `,
  ];

  override render(): TemplateResult {
    return html`<fieldset>
      <legend class="hidden">${this.label}</legend>
      ${this.options.map(
        ({ id, label }) =>
          html`<label>
            <input
              type="radio"
              name="option"
              .checked=${id === this.value}
              @change=${() => this.#choose(id)}
            />${label}
          </label>`,
      )}
    </fieldset>`;
  }

  #choose(id: string): void {
    this.value = id;
    this.dispatchEvent(new Event("change"));
  }
}

customElements.define("gradus-switch", GradusSwitch);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-switch": GradusSwitch;
  }
}
