// The places of the page: a rail on the left, a bar at the bottom of a narrow screen.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import { icon } from "./icons.ts";
import type { Place, Session } from "./session.ts";
import { PLACES, SessionController } from "./session.ts";
import { baseStyles } from "./styles.ts";

const LABELS: Readonly<Record<Place, string>> = { setup: "Setup", run: "Run", checkpoints: "Checkpoints" };

export class GradusRail extends LitElement {
  static override properties = { session: { attribute: false } };

  declare session: Session;

  static override styles = [
    baseStyles,
    css`
      nav {
        display: flex;
        flex-direction: column;
        gap: 4px;
        padding: 12px 8px;
      }
      button {
        display: flex;
        flex-direction: column;
        align-items: center;
        gap: 4px;
        padding: 8px 0;
        border: 0;
        border-radius: var(--radius-small);
        background: none;
        color: var(--text-quiet);
        font: 400 var(--size-12) / 16px var(--sans);
        letter-spacing: -0.01em;
        cursor: pointer;
        /* A double press elsewhere would mark these words. */
        user-select: none;
      }
      button svg.icon {
        width: 20px;
        height: 20px;
        stroke-width: 1.25;
      }
      button:hover {
        background: var(--sunken);
        color: var(--text);
      }
      button[aria-current] {
        background: var(--accent-ground);
        color: var(--accent);
        font-weight: 500;
      }
      @media (max-width: 719px) {
        nav {
          flex-direction: row;
          padding: 4px 8px;
        }
        button {
          flex: 1;
          gap: 2px;
          padding: 4px 0;
        }
      }
    `,
  ];

  constructor() {
    super();
    new SessionController(this);
  }

  override render(): TemplateResult {
    const { place } = this.session.state;
    return html`<nav aria-label="Places">
      ${PLACES.map(
        (name) =>
          html`<button
            aria-current=${name === place ? "page" : nothing}
            @click=${() => this.session.goTo(name)}
          >
            ${icon(name)}${LABELS[name]}
          </button>`,
      )}
    </nav>`;
  }
}

customElements.define("gradus-rail", GradusRail);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-rail": GradusRail;
  }
}
