// The page: what Gradus is, how far it has got, and whether this browser can run it. It trains nothing yet, and says so.

import { css, html, LitElement, svg, type TemplateResult } from "lit";

import "./gradus-device.ts";
import "./gradus-steps.ts";

const MARK = svg`<path d="M2 13.5h4v-4h4v-4h4v-3" />`;

export class GradusApp extends LitElement {
  static override styles = css`
    :host {
      display: block;
      max-width: 1080px;
      margin: 0 auto;
      padding: 0 32px;
    }
    header {
      display: flex;
      align-items: center;
      gap: 8px;
      padding: 20px 0;
      font-weight: 600;
    }
    header svg {
      width: 20px;
      height: 20px;
      fill: none;
      stroke: var(--accent);
      stroke-width: 1.5;
      stroke-linecap: round;
      stroke-linejoin: round;
    }
    .quiet {
      margin-inline-start: auto;
      font-size: var(--size-13);
      font-weight: 400;
      color: var(--text-quiet);
    }
    main {
      display: grid;
      grid-template-columns: minmax(0, 1fr) 360px;
      gap: 0 64px;
      align-items: start;
      padding: 24px 0 40px;
    }
    gradus-device {
      grid-column: 2;
      grid-row: 2;
    }
    .intro {
      grid-column: 1 / -1;
      max-width: 680px;
      margin-bottom: 32px;
    }
    h1 {
      margin: 0;
      font-size: var(--size-32);
      font-weight: 600;
      line-height: 1.25;
      letter-spacing: -0.015em;
      text-wrap: balance;
    }
    .intro p {
      margin: 12px 0 0;
      color: var(--text-quiet);
      text-wrap: pretty;
    }
    h2 {
      margin: 0 0 16px;
      font-size: var(--size-13);
      font-weight: 500;
      color: var(--text-quiet);
    }
    @media (max-width: 860px) {
      :host {
        padding: 0 20px;
      }
      main {
        grid-template-columns: minmax(0, 1fr);
        gap: 40px;
        padding-top: 16px;
      }
      .intro {
        margin: 0;
      }
      gradus-device {
        grid-area: auto;
      }
    }
  `;

  override render(): TemplateResult {
    return html`
      <header>
        <svg viewBox="0 0 16 16" aria-hidden="true">${MARK}</svg>
        Gradus
        <span class="quiet">Nothing leaves this machine</span>
      </header>
      <main>
        <div class="intro">
          <h1>Reinforcement learning for small language models, in a browser tab.</h1>
          <p>
            Gradus lets a model try a problem many times and makes the better tries more likely, on the GPU of
            the machine in front of you. The engine works; the page to train from is being built, step by
            step.
          </p>
        </div>
        <gradus-device></gradus-device>
        <section aria-labelledby="steps">
          <h2 id="steps">How far it has got</h2>
          <gradus-steps></gradus-steps>
        </section>
      </main>
    `;
  }
}

customElements.define("gradus-app", GradusApp);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-app": GradusApp;
  }
}
