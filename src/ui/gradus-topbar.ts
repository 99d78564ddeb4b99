// The bar on top: what this is, that nothing leaves the machine, the run's state, the device, the theme.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import "./gradus-device-chip.ts";
import { icon } from "./icons.ts";
import { runWords } from "./run-words.ts";
import type { Session } from "./session.ts";
import { SessionController } from "./session.ts";
import { baseStyles, buttonStyles, chipStyles } from "./styles.ts";
import { chooseTheme, chosenTheme, THEMES, type Theme } from "./theme.ts";

const THEME_ICONS = { system: "system", light: "sun", dark: "moon" } as const;

export class GradusTopbar extends LitElement {
  static override properties = { session: { attribute: false }, theme: { state: true } };

  declare session: Session;
  declare theme: Theme;

  static override styles = [
    baseStyles,
    buttonStyles,
    chipStyles,
    css`
      header {
        display: flex;
        align-items: center;
        gap: 12px;
        height: var(--bar);
        padding: 0 12px 0 16px;
        border-bottom: 1px solid var(--line);
        background: var(--ground);
      }
      .name {
        display: flex;
        align-items: center;
        gap: 8px;
        font-weight: 600;
      }
      .name svg.icon {
        width: 20px;
        height: 20px;
        color: var(--accent);
      }
      .promise {
        display: flex;
        align-items: center;
        gap: 4px;
        margin-inline-end: auto;
        color: var(--text-quiet);
        font-size: var(--size-12);
        white-space: nowrap;
      }
      .promise svg.icon {
        width: 14px;
        height: 14px;
      }
      button.chip {
        font: 500 var(--size-12) / 1.2 var(--sans);
        white-space: nowrap;
      }
      button.chip:hover:not(:disabled) {
        filter: brightness(0.97);
      }
      .theme {
        width: 32px;
        padding: 0;
        border-color: transparent;
        background: transparent;
        color: var(--text-quiet);
      }
      .dot {
        width: 6px;
        height: 6px;
        border-radius: 50%;
        background: currentcolor;
      }
      @media (max-width: 719px) {
        header {
          gap: 8px;
          padding: 0 8px 0 12px;
        }
        .promise span {
          display: none;
        }
      }
      @media (max-width: 719px) {
        header.has-run .promise svg {
          display: none;
        }
      }
    `,
  ];

  constructor() {
    super();
    this.theme = chosenTheme();
    new SessionController(this);
  }

  override render(): TemplateResult {
    return html`
      <header class=${this.session.state.run ? "has-run" : ""}>
        <span class="name">${icon("mark")}Gradus</span>
        <span class="promise" title="Nothing leaves this machine">
          ${icon("lock")}<span>Nothing leaves this machine</span>
        </span>
        ${this.#run()}
        <gradus-device-chip .session=${this.session}></gradus-device-chip>
        <button
          class="theme"
          aria-label=${`Theme: ${this.theme}`}
          title=${`Theme: ${this.theme}`}
          @click=${this.#nextTheme}
        >
          ${icon(THEME_ICONS[this.theme])}
        </button>
      </header>
    `;
  }

  #run(): TemplateResult | typeof nothing {
    const { run, place } = this.session.state;
    if (!run) return nothing;
    const { text, tone } = runWords(run);
    const words = html`<span class="dot"></span>${text}`;
    return place === "run"
      ? html`<span class="chip ${tone}">${words}</span>`
      : html`<button class="chip ${tone}" @click=${() => this.session.goTo("run")}>${words}</button>`;
  }

  #nextTheme = (): void => {
    this.theme = THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length]!;
    chooseTheme(this.theme);
  };
}

customElements.define("gradus-topbar", GradusTopbar);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-topbar": GradusTopbar;
  }
}
