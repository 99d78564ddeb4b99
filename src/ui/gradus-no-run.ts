// The place Run while there is no run: an invitation to begin one, and the kept runs that can go on.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";

import type { RunSummary } from "../worker/api.ts";
import { formatWhen } from "./format.ts";
import type { Session } from "./session.ts";
import { SessionController } from "./session.ts";
import { baseStyles, buttonStyles, cardStyles } from "./styles.ts";

/** A run that has steps left and a checkpoint to go on from. */
const isResumable = ({ isBusy, step, totalSteps, checkpoints }: RunSummary): boolean =>
  !isBusy && step < totalSteps && checkpoints.length > 0;

export class GradusNoRun extends LitElement {
  static override properties = { session: { attribute: false } };

  declare session: Session;

  static override styles = [
    baseStyles,
    buttonStyles,
    cardStyles,
    css`
      :host {
        width: 100%;
        max-width: 560px;
        margin: 10vh auto 0;
      }
      h1 {
        font-size: var(--size-20);
        font-weight: 600;
      }
      .quiet {
        margin: 8px 0 20px;
      }
      h2 {
        margin: 40px 0 8px;
        color: var(--text-quiet);
        font-size: var(--size-13);
        font-weight: 500;
      }
      ul {
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: flex;
        align-items: center;
        gap: 16px;
        padding: 12px 16px;
      }
      li + li {
        border-top: 1px solid var(--line);
      }
      .name {
        flex: 1;
        min-width: 0;
        font-size: var(--size-13);
        line-height: 20px;
      }
      .name .quiet {
        display: block;
        margin: 0;
        font-size: var(--size-12);
      }
    `,
  ];

  constructor() {
    super();
    new SessionController(this);
  }

  override render(): TemplateResult {
    const runs = this.session.state.runs.filter(isResumable);
    if (this.session.state.busy.run) return html`<p class="quiet" role="status">Getting ready</p>`;
    const isFirst = runs.length === 0;
    return html`
      <h1>${isFirst ? "No run yet" : "No run is open"}</h1>
      <p class="quiet">
        ${
          isFirst
            ? "A model and problems come with Gradus: start on Setup, and watch here what it learns."
            : "Go on with one that is kept, from its last checkpoint, or start another on Setup."
        }
      </p>
      <button class=${isFirst ? "primary" : ""} @click=${() => this.session.goTo("setup")}>
        Go to Setup
      </button>
      ${
        runs.length > 0
          ? html`<h2>Kept in this browser</h2>
              <ul class="card">
                ${repeat(
                  runs,
                  ({ id }) => id,
                  (run, index) => this.#item(run, index === 0),
                )}
              </ul>`
          : nothing
      }
    `;
  }

  #item({ id, name, step, totalSteps, updatedAt }: RunSummary, isNewest: boolean): TemplateResult {
    return html`<li>
      <div class="name">
        ${name}
        <span class="quiet">step ${step} of ${totalSteps}, ${formatWhen(updatedAt, Date.now())}</span>
      </div>
      <button
        class=${isNewest ? "primary" : ""}
        aria-label="Resume ${name}"
        @click=${() => void this.session.runs.resume(id)}
      >
        Resume
      </button>
    </li>`;
  }
}

customElements.define("gradus-no-run", GradusNoRun);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-no-run": GradusNoRun;
  }
}
