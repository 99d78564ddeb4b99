// The model that will be trained: the demo, or files that were dropped. Shows what the worker read, or why it could not.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import type { ModelSummary } from "../worker/api.ts";
import { formatBytes, formatCount, formatInteger } from "./format.ts";
import "./gradus-card.ts";
import type { OpenEvent } from "./gradus-card.ts";
import "./gradus-drop-zone.ts";
import type { FilesEvent } from "./gradus-drop-zone.ts";
import "./gradus-notice.ts";
import "./gradus-progress.ts";
import type { Session } from "./session.ts";
import { isUnderWay, SessionController } from "./session.ts";
import { factStyles } from "./setup-styles.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

export class GradusModelCard extends LitElement {
  static override properties = { session: { attribute: false }, isOpen: { state: true } };

  declare session: Session;
  /** Opened by the person; an error opens the card as well. */
  declare isOpen: boolean;

  static override styles = [
    baseStyles,
    buttonStyles,
    factStyles,
    css`
      /* As high as the line of text that follows it. */
      gradus-progress {
        max-width: 420px;
        margin-bottom: -8px;
      }
    `,
  ];

  constructor() {
    super();
    this.isOpen = false;
    new SessionController(this);
  }

  override render(): TemplateResult {
    const { model, errors } = this.session.state;
    return html`
      <gradus-card
        number="1"
        heading="Model"
        .isOpen=${errors.model ? true : this.isOpen}
        .isDone=${model !== undefined}
        @open-change=${({ isOpen }: OpenEvent) => this.#open(isOpen)}
      >
        <div slot="summary">${this.#summary()}</div>
        ${this.#error()} ${model ? factsOf(model) : nothing} ${this.#choice()}
      </gradus-card>
    `;
  }

  #open(isOpen: boolean): void {
    this.isOpen = isOpen;
    if (!isOpen) this.session.dismiss("model");
  }

  #summary(): TemplateResult {
    const { device, model, modelProgress, busy } = this.session.state;
    if (!device) return html`<span class="quiet">The demo, once a GPU is found</span>`;
    if (modelProgress) {
      const { what, done, total } = modelProgress;
      return html`<gradus-progress label=${what} .done=${done} .total=${total}></gradus-progress>`;
    }
    if (busy.model) return html`<span class="quiet">Reading the model</span>`;
    if (!model) return html`<span class="quiet">Drop a model, or take the demo</span>`;
    return html`
      ${nameOf(model)}<span class="quiet"
        >, ${model.architecture},
        <span class="number">${formatCount(model.parameters)}</span> parameters</span
      >
    `;
  }

  #error(): TemplateResult | typeof nothing {
    const { errors, model } = this.session.state;
    if (!errors.model) return nothing;
    return html`<gradus-notice tone="error" .dismiss=${() => this.session.dismiss("model")}>
      ${errors.model} ${model ? `${nameOf(model)} stays loaded.` : ""}
    </gradus-notice>`;
  }

  #choice(): TemplateResult {
    const { model, run, busy } = this.session.state;
    const isLocked = isUnderWay(run) || busy.model === true;
    return html`
      <gradus-drop-zone
        what="Model"
        accept=".json,.onnx,.onnx_data,.data,.safetensors,.jinja"
        folder
        ?disabled=${isLocked}
        @files=${({ files }: FilesEvent) => void this.session.useModelFiles(files)}
      >
        ${
          isUnderWay(run)
            ? "The run holds this model. Another one can be loaded when it has ended."
            : html`Drop a model folder or its files: <code>config.json</code>, <code>tokenizer.json</code>,
                and <code>model.onnx</code> or <code>model.safetensors</code>.`
        }
      </gradus-drop-zone>
      ${
        model?.isDemo
          ? nothing
          : html`<button
              class="plain back"
              ?disabled=${isLocked}
              @click=${() => void this.session.useDemoModel()}
            >
              Take the demo model
            </button>`
      }
    `;
  }
}

const nameOf = ({ name, isDemo }: ModelSummary): string => (isDemo ? "Demo model" : name);

const factsOf = ({ source, layers, hidden, vocab, files }: ModelSummary): TemplateResult => html`
  <dl>
    <dt>Weights</dt>
    <dd>${source}</dd>
    <dt>Shape</dt>
    <dd class="number">${layers} layers, ${formatInteger(hidden)} wide, ${formatInteger(vocab)} tokens</dd>
    <dt>Files</dt>
    <dd>
      ${files.map(
        ({ name, bytes }) =>
          html`<span class="file">${name} <span class="number quiet">${formatBytes(bytes)}</span></span>`,
      )}
    </dd>
  </dl>
`;

customElements.define("gradus-model-card", GradusModelCard);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-model-card": GradusModelCard;
  }
}
