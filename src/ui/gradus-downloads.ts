// Buttons that save what a run has made: metrics and configuration at once, trained weights in the forms that fold out below.
// The files come from the worker; this asks for them and hands them to the browser.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import { type DownloadId, DOWNLOADS } from "../worker/api.ts";
import "./gradus-exports.ts";
import { icon } from "./icons.ts";
import { saveFile } from "./save-file.ts";
import type { Session } from "./session.ts";
import { SessionController } from "./session.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

/** What a button says; its detail is the gloss. */
const NAMES: Readonly<Record<DownloadId, string>> = {
  "metrics-jsonl": "Download metrics",
  "metrics-csv": "Download metrics as CSV",
  config: "Download configuration",
  command: "Download verl command",
  "verl-bundle": "Download verl bundle",
};
const SHORT: Readonly<Record<DownloadId, string>> = {
  "metrics-jsonl": "Metrics",
  "metrics-csv": "CSV",
  config: "Configuration",
  command: "verl command",
  "verl-bundle": "verl bundle",
};

export class GradusDownloads extends LitElement {
  static override properties = {
    session: { attribute: false },
    runId: { attribute: "run-id" },
    isMain: { type: Boolean, attribute: "main" },
    pending: { state: true },
    isOpen: { state: true },
  };

  declare session: Session;
  declare runId: string;
  /** Whether the weights are the obvious next thing to take. */
  declare isMain: boolean;
  /** What is being made. */
  declare pending: DownloadId | undefined;
  /** Whether the forms of the weights are shown; undefined until the person says, or asked for one of them before. */
  declare isOpen: boolean | undefined;

  static override styles = [
    baseStyles,
    buttonStyles,
    css`
      :host {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
      button {
        min-height: 28px;
        padding: 0 8px;
      }
      gradus-exports {
        flex: 1 0 100%;
        max-width: 720px;
      }
    `,
  ];

  constructor() {
    super();
    this.isMain = false;
    new SessionController(this);
  }

  override willUpdate(): void {
    if (this.session.exports.of({ runId: this.runId, step: undefined })) this.isOpen ??= true;
  }

  override render(): TemplateResult {
    const isOpen = this.isOpen === true;
    return html`<button
        class=${this.isMain ? "primary" : ""}
        aria-label="Download trained weights"
        aria-expanded=${isOpen}
        title="an adapter, or the whole model as safetensors or ONNX"
        @click=${() => (this.isOpen = !isOpen)}
      >
        ${icon("download")}Trained weights
      </button>
      ${DOWNLOADS.map(
        ({ id, detail }) =>
          html`<button
            aria-label=${NAMES[id]}
            title=${detail}
            ?disabled=${this.pending !== undefined}
            @click=${() => void this.#save(id)}
          >
            ${icon("download")}${SHORT[id]}
          </button>`,
      )}
      ${
        isOpen
          ? html`<gradus-exports .session=${this.session} run-id=${this.runId}></gradus-exports>`
          : nothing
      }`;
  }

  async #save(id: DownloadId): Promise<void> {
    this.pending = id;
    const file = await this.session.runs.download(id, this.runId, undefined);
    this.pending = undefined;
    if (file) saveFile(file);
  }
}

customElements.define("gradus-downloads", GradusDownloads);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-downloads": GradusDownloads;
  }
}
