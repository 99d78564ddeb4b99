// The place Checkpoints: what is kept in this browser, by run, with what can be done with it, and how much room it takes.
// Deleting asks first, in the only dialog of the page.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";

import "./gradus-kept-run.ts";
import "./gradus-notice.ts";
import type { StorageSummary } from "../worker/api.ts";
import { formatBytes } from "./format.ts";
import type { DeleteEvent } from "./gradus-kept-run.ts";
import type { Session } from "./session.ts";
import { SessionController } from "./session.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

export class GradusCheckpoints extends LitElement {
  static override properties = { session: { attribute: false }, asked: { state: true } };

  declare session: Session;
  /** What is to be deleted once the person has said so. */
  declare asked: DeleteEvent | undefined;

  static override styles = [
    baseStyles,
    buttonStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        gap: 20px;
        max-width: 1000px;
        padding: 24px 24px 40px;
      }
      header {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        justify-content: space-between;
        gap: 12px 32px;
      }
      h1 {
        font-size: var(--size-20);
        font-weight: 600;
        line-height: 28px;
      }
      .room {
        width: 320px;
        color: var(--text-quiet);
        font-size: var(--size-12);
        line-height: 20px;
      }
      .track {
        height: 4px;
        overflow: hidden;
        border-radius: 2px;
        background: var(--line);
      }
      .used {
        min-width: 2px;
        height: 100%;
        background: var(--accent);
      }
      .empty p {
        max-width: 56ch;
        margin-bottom: 20px;
        color: var(--text-quiet);
      }
      dialog {
        max-width: min(400px, calc(100vw - 32px));
        padding: 20px;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--surface);
        box-shadow: var(--shadow-raised);
        color: var(--text);
        font-size: var(--size-13);
        line-height: 20px;
      }
      dialog::backdrop {
        background: rgb(0 0 0 / 35%);
      }
      h2 {
        margin-bottom: 8px;
        font-size: var(--size-15);
        font-weight: 600;
      }
      .answers {
        display: flex;
        justify-content: flex-end;
        gap: 8px;
        margin-top: 20px;
      }
      @media (max-width: 719px) {
        :host {
          padding: 16px;
        }
        .room {
          width: 100%;
        }
      }
    `,
  ];

  constructor() {
    super();
    new SessionController(this);
  }

  override render(): TemplateResult {
    const { runs, storage, errors } = this.session.state;
    return html`
      <header>
        <h1>Checkpoints</h1>
        ${storage ? roomOf(storage) : nothing}
      </header>
      ${
        errors.checkpoints
          ? html`<gradus-notice tone="error" .dismiss=${() => this.session.dismiss("checkpoints")}
              >${errors.checkpoints}</gradus-notice
            >`
          : nothing
      }
      ${runs.length === 0 ? this.#empty() : nothing}
      ${repeat(
        runs,
        ({ id }) => id,
        (run) =>
          html`<gradus-kept-run
            .session=${this.session}
            .run=${run}
            @delete=${this.#onDelete}
          ></gradus-kept-run>`,
      )}
      ${this.#dialog()}
    `;
  }

  #empty(): TemplateResult {
    return html`<div class="empty">
      <p>
        Nothing is kept yet. A run saves itself here, every few steps and when it is paused, so that it can go
        on after a reload, and its weights can be downloaded.
      </p>
      <button class="primary" @click=${() => this.session.goTo("setup")}>Go to Setup</button>
    </div>`;
  }

  #dialog(): TemplateResult {
    const { asked } = this;
    return html`<dialog aria-labelledby="question" @close=${() => (this.asked = undefined)}>
      <h2 id="question">
        ${asked?.step === undefined ? "Delete this run?" : `Delete the checkpoint of step ${asked.step}?`}
      </h2>
      <p>
        ${
          asked?.step === undefined
            ? `${asked?.run.name ?? "It"} goes with all its checkpoints and metrics. It cannot be brought back.`
            : `The weights of that step go; the run and its metrics stay. They cannot be brought back.`
        }
      </p>
      <div class="answers">
        <button autofocus @click=${this.#closeDialog}>Keep</button>
        <button class="danger" @click=${this.#deleteAsked}>Delete</button>
      </div>
    </dialog>`;
  }

  #onDelete = (event: DeleteEvent): void => {
    this.asked = event;
    this.renderRoot.querySelector("dialog")?.showModal();
  };

  #closeDialog = (): void => {
    this.renderRoot.querySelector("dialog")?.close();
  };

  #deleteAsked = (): void => {
    const { asked } = this;
    if (asked?.step === undefined) {
      if (asked) void this.session.runs.remove(asked.run.id);
    } else {
      void this.session.runs.removeCheckpoint(asked.run.id, asked.step);
    }
    this.#closeDialog();
  };
}

/** The part of the browser's quota that is taken. */
function roomOf({ usedBytes, quotaBytes, isPersisted }: StorageSummary): TemplateResult {
  const share = quotaBytes > 0 ? Math.min(1, usedBytes / quotaBytes) : 0;
  const words = `${formatBytes(usedBytes)} of ${formatBytes(quotaBytes)} in this browser`;
  return html`<div class="room">
    <div>
      <span class="number">${formatBytes(usedBytes)}</span> of
      <span class="number">${formatBytes(quotaBytes)}</span>
      used${isPersisted ? "" : "; the browser may clear it"}
    </div>
    <div
      class="track"
      role="meter"
      aria-label="Storage"
      aria-valuemin="0"
      aria-valuemax="100"
      aria-valuenow=${Math.round(100 * share)}
      aria-valuetext=${words}
    >
      <div class="used" style="width: ${(100 * share).toFixed(1)}%"></div>
    </div>
  </div>`;
}

customElements.define("gradus-checkpoints", GradusCheckpoints);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-checkpoints": GradusCheckpoints;
  }
}
