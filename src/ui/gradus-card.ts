// One of the cards of Setup: a number that becomes a tick, a heading, one line that sums up what is chosen, and below it,
// when open, what can be changed. Knows nothing of what is inside.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import { icon } from "./icons.ts";
import { baseStyles, buttonStyles, cardStyles } from "./styles.ts";

/** The person opens or closes the card. */
export class OpenEvent extends Event {
  readonly isOpen: boolean;
  constructor(isOpen: boolean) {
    super("open-change");
    this.isOpen = isOpen;
  }
}

export class GradusCard extends LitElement {
  static override properties = {
    number: { type: Number },
    heading: {},
    isOpen: { type: Boolean, reflect: true, attribute: "open" },
    isDone: { type: Boolean, reflect: true, attribute: "done" },
  };

  declare number: number;
  declare heading: string;
  declare isOpen: boolean;
  /** Satisfied: nothing more is needed here. */
  declare isDone: boolean;

  static override styles = [
    baseStyles,
    buttonStyles,
    cardStyles,
    css`
      header {
        display: grid;
        grid-template-columns: 24px minmax(0, 1fr) auto;
        gap: 0 12px;
        align-items: start;
        padding: 12px 12px 12px 16px;
      }
      .mark {
        display: grid;
        place-items: center;
        width: 24px;
        height: 24px;
        margin-top: 4px;
        border: 1px solid var(--line-strong);
        border-radius: 50%;
        color: var(--text-quiet);
        font: 500 var(--size-12) / 1 var(--mono);
      }
      :host([done]) .mark {
        border-color: transparent;
        background: var(--positive-ground);
        color: var(--positive);
      }
      .mark svg.icon {
        width: 14px;
        height: 14px;
        stroke-width: 2;
      }
      .words {
        display: grid;
        grid-template-columns: 96px minmax(0, 1fr);
        align-items: baseline;
        padding: 5px 0 3px;
      }
      h2 {
        font-size: var(--size-15);
        font-weight: 600;
        line-height: 24px;
      }
      .summary {
        min-width: 0;
        font-size: var(--size-13);
        line-height: 20px;
        overflow-wrap: anywhere;
      }
      .toggle svg.icon {
        transition: transform 0.15s;
      }
      :host([open]) .toggle svg.icon {
        transform: rotate(180deg);
      }
      .content {
        display: flex;
        flex-direction: column;
        gap: 16px;
        padding: 4px 16px 16px 52px;
      }
      .content[hidden] {
        display: none;
      }
      @media (max-width: 719px) {
        header {
          gap: 0 8px;
          padding: 8px 4px 12px 12px;
        }
        .words {
          display: block;
        }
        .content {
          padding: 0 12px 12px;
        }
      }
    `,
  ];

  constructor() {
    super();
    this.number = 1;
    this.heading = "";
    this.isOpen = false;
    this.isDone = false;
  }

  override render(): TemplateResult {
    const action = this.isOpen ? "Close" : "Change";
    return html`
      <section class="card" aria-labelledby="heading">
        <header>
          <span class="mark" aria-hidden="true">${this.isDone ? icon("check") : this.number}</span>
          <div class="words">
            <h2 id="heading">${this.heading}</h2>
            <div class="summary"><slot name="summary"></slot></div>
          </div>
          <button
            class="toggle plain"
            aria-expanded=${this.isOpen}
            aria-controls="content"
            aria-label=${`${action} ${this.heading.toLowerCase()}`}
            @click=${() => this.dispatchEvent(new OpenEvent(!this.isOpen))}
          >
            ${action}${icon("chevron")}
          </button>
        </header>
        <div class="content" id="content" ?hidden=${!this.isOpen}>
          ${this.isOpen ? html`<slot></slot>` : nothing}
        </div>
      </section>
    `;
  }
}

customElements.define("gradus-card", GradusCard);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-card": GradusCard;
  }
  interface HTMLElementEventMap {
    "open-change": OpenEvent;
  }
}
