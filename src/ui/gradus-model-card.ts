// The model that will be trained: the demo, or files that were dropped. Shows what the worker read, or why it could not.

import { css, html, nothing, type TemplateResult } from "lit";

import type { AdapterSummary, ModelSummary } from "../worker/api.ts";
import { formatBytes, formatCount, formatInteger, plural } from "./format.ts";
import "./gradus-adapter.ts";
import "./gradus-hub-picker.ts";
import "./gradus-judge.ts";
import "./gradus-progress.ts";
import { isUnderWay } from "./session.ts";
import { SetupCard } from "./setup-card.ts";
import { factStyles } from "./setup-styles.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

export class GradusModelCard extends SetupCard {
  protected override readonly concern = "model";

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

  override render(): TemplateResult {
    const { model } = this.session.state;
    return this.frame({
      number: 1,
      heading: "Model",
      isDone: model !== undefined,
      summary: html`${this.#summary()}<gradus-judge .session=${this.session}></gradus-judge>`,
      content: model ? html`${this.#content(model)}${this.#judge()}` : nothing,
      stays: model ? `${nameOf(model)} stays loaded.` : "",
      choice: {
        what: "Model",
        accept: ".json,.onnx,.onnx_data,.data,.safetensors,.jinja,.zip",
        takesFolder: true,
        take: (files) => void this.session.models.useFiles(files),
        words: html`Drop a model folder or its files: <code>config.json</code>, <code>tokenizer.json</code>,
          and <code>model.onnx</code> or <code>model.safetensors</code>. An adapter to go on from is a zip
          file, or <code>adapter_config.json</code> with <code>adapter_model.safetensors</code>.`,
        lockedWords: "The run holds this model. Another one can be loaded when it has ended.",
        back: model?.isDemo
          ? undefined
          : { label: "Take the demo model", go: () => void this.session.models.useDemo() },
      },
    });
  }

  #content(model: ModelSummary): TemplateResult {
    return html`${factsOf(model)}
    ${model.adapter ? html`<gradus-adapter .session=${this.session}></gradus-adapter>` : nothing}`;
  }

  protected override more(): TemplateResult {
    return html`<gradus-hub-picker .session=${this.session}></gradus-hub-picker>`;
  }

  /** The comparison that was not made: of the demo, or one that was skipped. */
  #judge(): TemplateResult | typeof nothing {
    const { model, judgement, run, busy } = this.session.state;
    const isDone = judgement && ("stage" in judgement || judgement.verdict.kind !== "skipped");
    if (!model?.isOnnx || isDone) return nothing;
    return html`<button
      class="plain back"
      ?disabled=${isUnderWay(run) || busy.model === true}
      @click=${() => void this.session.judge.ask()}
    >
      Check with ONNX Runtime
    </button>`;
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
        <span class="number">${formatCount(model.parameters)}</span>
        parameters${model.adapter ? `, going on from ${adapterLine(model.adapter)}` : ""}</span
      >
    `;
  }
}

/** "an adapter of rank 8, 1 notice": what is to be known of it stands in the card. */
const adapterLine = ({ settings, notices }: AdapterSummary): string => {
  const words = `an adapter of rank ${settings["actor_rollout_ref.model.lora_rank"]}`;
  return notices.length > 0 ? `${words}, ${plural(notices.length, "notice")}` : words;
};

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
