// Trained weights of a checkpoint, a row a form: what it is for and how large, its making with progress, what was found in
// checking it, and the button that saves it. A file that fails its check is saved only if the person says so.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import type { ExportOffer, ExportProgress, MadeExport, WeightForm } from "../worker/api.ts";
import { formatBytes } from "./format.ts";
import "./gradus-notice.ts";
import "./gradus-progress.ts";
import { icon } from "./icons.ts";
import type { Session } from "./session.ts";
import { SessionController } from "./session.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

/** The form that was asked for last, and how far it is. */
interface Asked {
  readonly form: WeightForm;
  readonly progress?: ExportProgress;
  readonly made?: MadeExport;
  /** What was found of a file that lies where the person wanted it. */
  readonly saved?: string;
  /** Why there is none. */
  readonly error?: string;
}

export class GradusExports extends LitElement {
  static override properties = {
    session: { attribute: false },
    runId: { attribute: "run-id" },
    step: { type: Number },
    offers: { state: true },
    asked: { state: true },
    error: { state: true },
  };

  declare session: Session;
  declare runId: string;
  /** The newest checkpoint where there is none. */
  declare step: number | undefined;
  declare offers: readonly ExportOffer[] | undefined;
  declare asked: Asked | undefined;
  declare error: string | undefined;

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
      li > button {
        min-height: 28px;
        padding: 0 8px;
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

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#list();
  }

  override render(): TemplateResult {
    if (this.error) return html`<gradus-notice tone="error">${this.error}</gradus-notice>`;
    if (!this.offers) return html`<p class="detail" role="status">Looking at the checkpoint</p>`;
    return html`<ul aria-label="Forms of the trained weights">
      ${this.offers.map((offer) => this.#row(offer))}
    </ul>`;
  }

  #row(offer: ExportOffer): TemplateResult {
    const { form, label, detail, bytes, refusal } = offer;
    const asked = this.asked?.form === form ? this.asked : undefined;
    return html`<li>
      <span>${label} <span class="detail">${detail}</span></span>
      <span class="bytes number">${bytes === undefined ? nothing : formatBytes(bytes)}</span>
      ${bytes === undefined ? html`<span></span>` : this.#button(offer, asked)}
      ${refusal === undefined ? nothing : html`<p class="below">${refusal}</p>`}
      ${asked ? this.#state(asked) : nothing}
    </li>`;
  }

  #button({ form, label }: ExportOffer, asked: Asked | undefined): TemplateResult {
    const { made, progress } = asked ?? {};
    if (made?.check.isGood)
      return html`<button class="primary" aria-label="Save ${label}" @click=${() => this.#save(made)}>
        ${icon("download")}Save
      </button>`;
    if (progress && !made)
      return html`<button aria-label="Stop ${label}" @click=${() => void this.session.exports.stop()}>
        ${icon("stop")}Stop
      </button>`;
    const isBusy = this.asked?.progress !== undefined && !this.asked.made;
    return html`<button aria-label="Make ${label}" ?disabled=${isBusy} @click=${() => this.#make(form)}>
      Make
    </button>`;
  }

  #state({ progress, made, error, saved }: Asked): TemplateResult | typeof nothing {
    if (error) return html`<gradus-notice class="below" tone="error">${error}</gradus-notice>`;
    if (saved) return html`<p class="below" role="status">Saved. ${saved}</p>`;
    if (made) return this.#found(made);
    if (!progress) return nothing;
    const isWriting = progress.phase === "write";
    return html`<gradus-progress
      class="below"
      label=${isWriting ? "Writing" : "Checking the file, and running it in ONNX Runtime"}
      .done=${isWriting ? progress.done : 0}
      .total=${isWriting ? progress.total : 0}
    ></gradus-progress>`;
  }

  /** What the check says. */
  #found(made: MadeExport): TemplateResult {
    const { isGood, message } = made.check;
    if (isGood) return html`<p class="below" role="status">${message}</p>`;
    return html`<gradus-notice class="below" tone="error">
      This file is withheld: ${message}
      <button slot="actions" @click=${() => this.#save(made)}>Save anyway</button>
    </gradus-notice>`;
  }

  async #list(): Promise<void> {
    try {
      this.offers = await this.session.exports.offers(this);
    } catch (error) {
      this.error = wordsOf(error);
    }
  }

  async #make(form: WeightForm): Promise<void> {
    this.asked = { form, progress: { phase: "write", done: 0, total: 0 } };
    try {
      const made = await this.session.exports.make(form, this, (progress) => {
        if (this.asked?.form === form) this.asked = { form, progress };
      });
      this.asked = made && { form, made };
    } catch (error) {
      this.asked = { form, error: wordsOf(error) };
    }
  }

  async #save(made: MadeExport): Promise<void> {
    const { form } = this.asked!;
    try {
      if ((await this.session.exports.save(made)) === "copied")
        this.asked = { form, saved: made.check.message };
    } catch (error) {
      this.asked = {
        form,
        error: `The file was not saved: ${wordsOf(error)}. Free disk space, then make it again.`,
      };
    }
  }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

customElements.define("gradus-exports", GradusExports);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-exports": GradusExports;
  }
}
