// One kept run: what it is, how far it has come, its checkpoints with what they are worth, and what can be done with them.
// Deleting is only asked for here; gradus-checkpoints.ts makes sure that it is meant.

import { html, LitElement, nothing, type TemplateResult } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { repeat } from "lit/directives/repeat.js";

import "./gradus-downloads.ts";
import "./gradus-exports.ts";
import type { CheckpointSummary, RunSummary } from "../worker/api.ts";
import { formatBytes, formatNumber, formatShare, formatWhen } from "./format.ts";
import { icon } from "./icons.ts";
import { keptRunStyles } from "./kept-run-styles.ts";
import { isUnderWay, type Session, SessionController } from "./session.ts";
import { baseStyles, buttonStyles, cardStyles, chipStyles } from "./styles.ts";

/** The person wants a run deleted, or one checkpoint of it. */
export class DeleteEvent extends Event {
  readonly run: RunSummary;
  readonly step: number | undefined;

  constructor(run: RunSummary, step?: number) {
    super("delete");
    this.run = run;
    this.step = step;
  }
}

export class GradusKeptRun extends LitElement {
  static override properties = {
    session: { attribute: false },
    run: { attribute: false },
    exported: { state: true },
  };

  declare session: Session;
  declare run: RunSummary;
  /** The step whose weights are to be taken home; undefined until the person says, or asked for a form of one before. */
  declare exported: number | "none" | undefined;

  static override styles = [baseStyles, buttonStyles, cardStyles, chipStyles, keptRunStyles];

  constructor() {
    super();
    new SessionController(this);
  }

  override willUpdate(): void {
    const { exported } = this.session.state;
    if (exported?.runId === this.run.id) this.exported ??= exported.step;
  }

  override render(): TemplateResult {
    const { run } = this;
    const refusal = this.#refusal();
    return html`<article class="card" aria-labelledby="name">
      <header>
        <div class="what">
          <h2 id="name">${run.name}</h2>
          <p class="facts">${run.modelName}, ${run.dataName}, ${formatWhen(run.updatedAt, Date.now())}</p>
        </div>
        <span class="chip number">step ${run.step} of ${run.totalSteps}</span>
        ${refusal ? html`<span class="chip warning">${refusal}</span>` : nothing} ${this.#resume(refusal)}
      </header>
      ${run.checkpoints.length > 0 ? this.#table(refusal) : nothing} ${this.#exports()}
      <footer>
        ${
          run.checkpoints.length > 0 || run.step > 0
            ? html`<gradus-downloads .session=${this.session} run-id=${run.id}></gradus-downloads>`
            : html`<p class="facts">Nothing of it is saved.</p>`
        }
        <button
          class="plain"
          ?disabled=${refusal !== undefined}
          @click=${() => this.dispatchEvent(new DeleteEvent(run))}
        >
          ${icon("remove")}Delete run
        </button>
      </footer>
    </article>`;
  }

  /** Why nothing can be changed now, if so. */
  #refusal(): string | undefined {
    const current = this.session.state.run;
    if (isUnderWay(current) && current?.id === this.run.id) return "On the screen now";
    return this.run.isBusy ? "Open in another tab" : undefined;
  }

  #resume(refusal: string | undefined): TemplateResult | typeof nothing {
    const { id, step, totalSteps, checkpoints } = this.run;
    if (refusal === "On the screen now")
      return html`<button @click=${() => this.session.goTo("run")}>Show</button>`;
    if (step >= totalSteps || checkpoints.length === 0) return nothing;
    const isOther = isUnderWay(this.session.state.run);
    return html`<button
      class="primary"
      ?disabled=${refusal !== undefined || isOther}
      title=${isOther ? "Another run is under way: pause and stop it first" : ""}
      @click=${() => void this.session.runs.resume(id)}
    >
      ${icon("play")}Resume
    </button>`;
  }

  /** The forms of one checkpoint's weights. */
  #exports(): TemplateResult | typeof nothing {
    const { exported, run } = this;
    if (!run.checkpoints.some(({ step }) => step === exported)) return nothing;
    return html`<div class="exports">
      <h3>Weights of step ${exported}</h3>
      ${keyed(
        exported,
        html`<gradus-exports .session=${this.session} run-id=${run.id} step=${exported!}></gradus-exports>`,
      )}
    </div>`;
  }

  #table(refusal: string | undefined): TemplateResult {
    const { checkpoints } = this.run;
    const best = Math.max(...checkpoints.map(({ strict }) => strict ?? -1));
    return html`<div class="scroll" role="group" tabindex="0" aria-label="Checkpoints of ${this.run.name}">
      <table>
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Held-out accuracy</th>
            <th scope="col">Reward</th>
            <th scope="col">Size</th>
            <th scope="col">Saved</th>
            <th scope="col"><span class="hidden">Actions</span></th>
          </tr>
        </thead>
        <tbody>
          ${repeat(
            [...checkpoints].sort((a, b) => b.step - a.step),
            ({ step }) => step,
            (checkpoint) => this.#row(checkpoint, best, refusal),
          )}
        </tbody>
      </table>
    </div>`;
  }

  #row(
    { step, strict, reward, bytes, savedAt }: CheckpointSummary,
    best: number,
    refusal: string | undefined,
  ): TemplateResult {
    const isBest = strict !== undefined && strict === best && this.run.checkpoints.length > 1;
    return html`<tr>
      <td>
        <span class="number">${step}</span
        >${isBest ? html`<span class="chip good best">best</span>` : nothing}
      </td>
      <td class="number">${strict === undefined ? "\u2013" : formatShare(strict)}</td>
      <td class="number">${reward === undefined ? "\u2013" : formatNumber(reward)}</td>
      <td class="number">${formatBytes(bytes)}</td>
      <td>${formatWhen(savedAt, Date.now())}</td>
      <td>${this.#actions(step, refusal)}</td>
    </tr>`;
  }

  #actions(step: number, refusal: string | undefined): TemplateResult {
    const { run, session } = this;
    const isHeld = refusal !== undefined;
    const isOpen = this.exported === step;
    return html`
      <button
        class="plain"
        aria-label="Resume from step ${step}"
        title="Resume from step ${step}"
        ?disabled=${isHeld || isUnderWay(session.state.run) || step >= run.totalSteps}
        @click=${() => void session.runs.resume(run.id, step)}
      >
        ${icon("play")}
      </button>
      <button
        class="plain"
        aria-label="Download weights of step ${step}"
        aria-expanded=${isOpen}
        title="Download weights of step ${step}"
        @click=${() => (this.exported = isOpen ? "none" : step)}
      >
        ${icon("download")}
      </button>
      <button
        class="plain"
        aria-label="Delete step ${step}"
        title="Delete step ${step}"
        ?disabled=${isHeld}
        @click=${() => this.dispatchEvent(new DeleteEvent(run, step))}
      >
        ${icon("remove")}
      </button>
    `;
  }
}

customElements.define("gradus-kept-run", GradusKeptRun);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-kept-run": GradusKeptRun;
  }
}
