// Buttons that save what a run has made: trained weights, metrics, configuration. The files come from the worker; this asks
// for them and hands them to the browser.

import { css, html, LitElement, type TemplateResult } from "lit";

import { type DownloadId, DOWNLOADS } from "../worker/api.ts";
import { icon } from "./icons.ts";
import { saveFile } from "./save-file.ts";
import type { Session } from "./session.ts";
import { SessionController } from "./session.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

/** What a button says; its detail is the gloss. */
const NAMES: Readonly<Record<DownloadId, string>> = {
  weights: "Download trained weights",
  "metrics-jsonl": "Download metrics",
  "metrics-csv": "Download metrics as CSV",
  config: "Download configuration",
  command: "Download verl command",
  "verl-bundle": "Download verl bundle",
};
const SHORT: Readonly<Record<DownloadId, string>> = {
  weights: "Trained weights",
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
  };

  declare session: Session;
  declare runId: string;
  /** Whether the weights are the obvious next thing to take. */
  declare isMain: boolean;
  /** What is being made. */
  declare pending: DownloadId | undefined;

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
    `,
  ];

  constructor() {
    super();
    this.isMain = false;
    new SessionController(this);
  }

  override render(): TemplateResult {
    return html`${DOWNLOADS.map(
      ({ id, detail }) =>
        html`<button
          class=${id === "weights" && this.isMain ? "primary" : ""}
          aria-label=${NAMES[id]}
          title=${detail}
          ?disabled=${this.pending !== undefined}
          @click=${() => void this.#save(id)}
        >
          ${icon("download")}${SHORT[id]}
        </button>`,
    )}`;
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
