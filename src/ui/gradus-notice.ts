// One message, beside what it is about: an error, a warning or a quiet word. The text and the buttons that help are
// slotted; `actions` is the slot for the latter. Errors are announced at once, the rest when there is a pause.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import { icon } from "./icons.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

export class GradusNotice extends LitElement {
  static override properties = { tone: { reflect: true }, dismiss: { attribute: false } };

  declare tone: "error" | "warning" | "quiet";
  /** Called when the person closes it; without it there is nothing to close. */
  declare dismiss: (() => void) | undefined;

  static override styles = [
    baseStyles,
    buttonStyles,
    css`
      .notice {
        display: flex;
        align-items: center;
        gap: 4px 8px;
        padding: 8px 8px 8px 12px;
        border-radius: var(--radius-small);
        background: var(--accent-ground);
        font-size: var(--size-13);
        line-height: 20px;
      }
      .notice > svg {
        color: var(--accent);
      }
      :host([tone="error"]) .notice {
        background: var(--error-ground);
      }
      :host([tone="error"]) .notice > svg {
        color: var(--error);
      }
      :host([tone="warning"]) .notice {
        background: var(--warning-ground);
      }
      :host([tone="warning"]) .notice > svg {
        color: var(--warning);
      }
      .body {
        display: flex;
        flex: 1;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px 16px;
        min-width: 0;
      }
      .text {
        flex: 1 1 24ch;
        overflow-wrap: anywhere;
        text-wrap: pretty;
      }
      .close {
        width: 24px;
        min-height: 24px;
        padding: 0;
        margin: -2px 0;
        border-color: transparent;
        background: transparent;
        color: inherit;
      }
    `,
  ];

  constructor() {
    super();
    this.tone = "quiet";
  }

  override render(): TemplateResult {
    const role = this.tone === "error" ? "alert" : "status";
    return html`
      <div class="notice">
        ${icon(this.tone === "quiet" ? "info" : "warning")}
        <div class="body">
          <div class="text" role=${role}><slot></slot></div>
          <slot name="actions"></slot>
        </div>
        ${
          this.dismiss
            ? html`<button class="close" aria-label="Dismiss" @click=${this.dismiss}>
                ${icon("close")}
              </button>`
            : nothing
        }
      </div>
    `;
  }
}

customElements.define("gradus-notice", GradusNotice);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-notice": GradusNotice;
  }
}
