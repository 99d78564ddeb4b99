// Trained weights of a checkpoint, a row a form: what it is for and how large, its making with progress, what was found in
// checking it, and the button that saves it. A file that fails its check is saved only if the person says so.

import { messageOf } from "../common/error-words.ts";
import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";

import type { ExportOffer, MadeExport } from "../worker/api.ts";
import { formatBytes } from "./format.ts";
import "./gradus-notice.ts";
import "./gradus-progress.ts";
import { icon } from "./icons.ts";
import type { Session } from "./session.ts";
import { SessionController } from "./session.ts";
import { type AskedExport } from "./session/exports.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

export class GradusExports extends LitElement {
  static override properties = {
    session: { attribute: false },
    runId: { attribute: "run-id" },
    step: { type: Number },
    offers: { state: true },
    error: { state: true },
  };

  declare session: Session;
  declare runId: string;
  /** The newest checkpoint where there is none. */
  declare step: number | undefined;
  declare offers: readonly ExportOffer[] | undefined;
  declare error: string | undefined;
  /** Which checkpoint the offers are of. */
  #listed: readonly unknown[] = [];

  static override styles = [
    baseStyles,
    buttonStyles,
    css`
      :host {
        display: block;
        font-size: var(--size-13);
        line-height: 20px;
      }
      ul {
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: grid;
        grid-template-columns: 1fr auto 96px;
        gap: 4px 12px;
        align-items: center;
        padding: 8px 0;
        border-top: 1px solid var(--line);
      }
      .detail,
      .bytes {
        color: var(--text-quiet);
        font-size: var(--size-12);
      }
      .detail {
        display: block;
        overflow-wrap: anywhere;
      }
      li > button,
      .elsewhere button {
        min-height: 28px;
        padding: 0 8px;
      }
      li > button[aria-disabled="true"] {
        opacity: 0.6;
        cursor: default;
      }
      .elsewhere {
        display: flex;
        flex-wrap: wrap;
        gap: 4px 12px;
        align-items: center;
        padding: 8px 0;
        border-top: 1px solid var(--line);
        color: var(--text-quiet);
        font-size: var(--size-12);
      }
      .below {
        grid-column: 1 / -1;
      }
      p.below {
        color: var(--text-quiet);
        font-size: var(--size-12);
        text-wrap: pretty;
      }
    `,
  ];

  constructor() {
    super();
    new SessionController(this);
  }

  override updated(changed: PropertyValues): void {
    super.updated(changed);
    void this.#list();
  }

  override render(): TemplateResult {
    return html`${this.#offers()}${this.#elsewhere()}`;
  }

  #offers(): TemplateResult {
    if (this.error) return html`<gradus-notice tone="error">${this.error}</gradus-notice>`;
    if (!this.offers) return html`<p class="detail" role="status">Looking at the checkpoint</p>`;
    const asked = this.session.exports.of(this);
    return html`<ul aria-label="Forms of the trained weights">
      ${this.offers.map((offer) => this.#row(offer, asked?.form === offer.form ? asked : undefined))}
    </ul>`;
  }

  #row(offer: ExportOffer, asked: AskedExport | undefined): TemplateResult {
    const { label, detail, bytes, refusal } = offer;
    return html`<li>
      <span>${label} <span class="detail">${detail}</span></span>
      <span class="bytes number">${bytes === undefined ? nothing : formatBytes(bytes)}</span>
      ${bytes === undefined ? html`<span></span>` : this.#button(offer, asked)}
      ${refusal === undefined ? nothing : html`<p class="below">${refusal}</p>`}
      ${asked ? this.#state(asked) : nothing}
    </li>`;
  }

  /** One button for all that can be done, so that it keeps the keyboard's focus; while it waits, too. */
  #button({ form, label }: ExportOffer, asked: AskedExport | undefined): TemplateResult {
    const { exports } = this.session;
    const isMaking = asked !== undefined && exports.isMaking;
    const canSave = asked?.made?.check.isGood === true;
    const word = isMaking ? "Stop" : canSave ? "Save" : "Make";
    const act = (): Promise<void> =>
      isMaking ? exports.stop() : canSave ? exports.save() : exports.make(form, this);
    return html`<button
      class=${canSave ? "primary" : ""}
      aria-label="${word} ${label}"
      ?disabled=${!asked && exports.isBusy}
      aria-disabled=${asked?.isSaving ? "true" : nothing}
      @click=${() => void act()}
    >
      ${isMaking ? icon("stop") : canSave ? icon("download") : nothing}${word}
    </button>`;
  }

  #state(asked: AskedExport): TemplateResult {
    const { progress, made, error, saved, isSaving } = asked;
    const isWriting = progress?.phase === "write";
    return html`${error === undefined ? nothing : html`<gradus-notice class="below" tone="error">${error}</gradus-notice>`}
    ${saved === undefined ? nothing : html`<p class="below" role="status">Saved. ${saved}</p>`}
    ${made ? this.#found(made, isSaving === true) : nothing}
    ${
      progress && this.session.exports.isMaking
        ? html`<gradus-progress
            class="below"
            label=${isWriting ? "Writing" : "Checking the file, and running it in ONNX Runtime"}
            .done=${isWriting ? progress.done : 0}
            .total=${isWriting ? progress.total : 0}
          ></gradus-progress>`
        : nothing
    }`;
  }

  /** What the check says. */
  #found({ file, check }: MadeExport, isSaving: boolean): TemplateResult {
    const { isGood, message } = check;
    if (isGood)
      return html`<p class="below" role="status">
        ${isSaving ? "Saving" : "Made"} ${file.name}. ${message}
      </p>`;
    return html`<gradus-notice class="below" tone="error">
      This file is withheld: ${message}
      <button
        slot="actions"
        aria-disabled=${isSaving ? "true" : nothing}
        @click=${() => void this.session.exports.save()}
      >
        Save anyway
      </button>
    </gradus-notice>`;
  }

  /** Why nothing can be made here now, when that is not seen in the rows. */
  #elsewhere(): TemplateResult | typeof nothing {
    const { exports } = this.session;
    if (!exports.isBusy || (exports.of(this) && !this.error)) return nothing;
    return html`<p class="elsewhere">
      An export is being ${exports.isMaking ? "made" : "saved"}.
      ${
        exports.isMaking
          ? html`<button @click=${() => void exports.stop()}>${icon("stop")}Stop</button>`
          : nothing
      }
    </p>`;
  }

  /** Lists anew where the checkpoint is another, such as a newer one. */
  async #list(): Promise<void> {
    const { runId, step } = this;
    const listed = [runId, step, step ?? this.session.exports.newestStep(runId)];
    if (listed.every((value, i) => value === this.#listed[i]) && this.#listed.length > 0) return;
    if (runId !== this.#listed[0] || step !== this.#listed[1]) this.offers = this.error = undefined;
    this.#listed = listed;
    try {
      const offers = await this.session.exports.offers(this);
      if (listed !== this.#listed) return;
      this.offers = offers;
      this.error = undefined;
    } catch (error) {
      if (listed === this.#listed) this.error = messageOf(error);
    }
  }
}

customElements.define("gradus-exports", GradusExports);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-exports": GradusExports;
  }
}
