// One model of a hub: the forms of its weights with what each would take of the GPU, fetching with pause and resume, and what
// of it lies in this browser, which can be deleted. A model that runs need is deleted only by a second word.

import { messageOf } from "../common/error-words.ts";
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";

import type { FormFit, HubFits, HubForm, HubModel } from "../worker/api.ts";
import { formatBytes, plural } from "./format.ts";
import "./gradus-notice.ts";
import "./gradus-progress.ts";
import { hubModelStyles } from "./hub-model-styles.ts";
import { icon } from "./icons.ts";
import { remedyWords } from "./remedy-words.ts";
import type { Session } from "./session.ts";
import { isUnderWay, SessionController } from "./session.ts";
import { isSameModel } from "./session/hub.ts";
import { baseStyles, buttonStyles, chipStyles } from "./styles.ts";

export class GradusHubModel extends LitElement {
  static override properties = {
    session: { attribute: false },
    model: { attribute: false },
    fits: { state: true },
    refusal: { state: true },
    isAsked: { state: true },
  };

  declare session: Session;
  declare model: HubModel;
  /** Undefined until it is known. */
  declare fits: HubFits | undefined;
  /** Why no form of it can be trained, or nobody can tell. */
  declare refusal: string | undefined;
  /** The person wants a model deleted that runs need. */
  declare isAsked: boolean;
  /** What the fits are of. */
  #fitOf: readonly unknown[] = [];

  static override styles = [baseStyles, buttonStyles, chipStyles, hubModelStyles];

  constructor() {
    super();
    this.isAsked = false;
    new SessionController(this);
  }

  override updated(changed: PropertyValues): void {
    super.updated(changed);
    void this.#refreshFits();
  }

  override render(): TemplateResult {
    const { repository, revision, cachedBytes, neededBy } = this.model;
    return html`<section aria-label=${repository}>
      <header>
        <h3 title="Commit ${revision}">${repository}</h3>
        ${
          cachedBytes > 0
            ? html`<span class="number quiet">${formatBytes(cachedBytes)} here</span>
                <button
                  class="plain"
                  aria-label=${`Delete ${repository}`}
                  ?disabled=${this.#isFetching()}
                  @click=${this.#delete}
                >
                  ${icon("remove")}Delete
                </button>`
            : nothing
        }
      </header>
      ${
        neededBy.length > 0
          ? html`<p class="quiet">
              ${plural(neededBy.length, "run")} can go on with it: ${neededBy.join("; ")}.
            </p>`
          : nothing
      }
      ${this.isAsked ? this.#question() : nothing}
      ${this.refusal ? html`<gradus-notice tone="warning">${this.refusal}</gradus-notice>` : nothing}
      ${this.model.forms.length === 0 ? this.#unknown() : nothing}
      <ul>
        ${this.model.forms.map((form) => this.#row(form))}
      </ul>
    </section>`;
  }

  /** What has come does not tell which forms there are. */
  #unknown(): TemplateResult {
    const { repository, revision } = this.model;
    const name = `${repository}@${revision}`;
    return html`<button aria-label="Look up ${name}" @click=${() => void this.session.hub.lookUp(name)}>
      Look up again
    </button>`;
  }

  #row(form: HubForm): TemplateResult {
    const { id, label, bytes, why } = form;
    if (why !== undefined)
      return html`<li class="unread">
        <span class="what">${label}</span><span class="number">${formatBytes(bytes)}</span>
        <span class="about">${why}</span>
      </li>`;
    const fit = this.fits?.forms[id];
    return html`<li>
      <span class="what"
        >${label}${this.fits?.best === id && this.model.forms.length > 1 ? html`<span class="chip good">${fit && "problem" in fit ? "fits with a change" : "best that fits"}</span>` : nothing}</span
      >
      <span class="number">${formatBytes(bytes)}</span>
      ${this.#button(form)}
      <span class="about">${this.#status(form)}${fit ? this.#fitWords(fit) : nothing}</span>
    </li>`;
  }

  #button({ id, come, isWhole }: HubForm): TemplateResult {
    const { hub } = this.session;
    const { model } = this;
    if (this.#isFetching(id))
      return html`<button @click=${() => void hub.pause()}>${icon("pause")}Pause</button>`;
    const best = this.fits?.best === id ? "primary" : "";
    if (isWhole)
      return html`<button
        class=${best}
        aria-label="Load ${this.#labelOf(id)}"
        ?disabled=${this.#isLocked()}
        @click=${() => void hub.load(model, id)}
      >
        Load
      </button>`;
    const word = come > 0 ? "Resume" : "Fetch and load";
    return html`<button
      class=${best}
      aria-label="${word}: ${this.#labelOf(id)}"
      ?disabled=${!this.session.state.device || this.refusal !== undefined}
      @click=${() => void hub.fetch(model, id)}
    >
      ${word}
    </button>`;
  }

  #status({ id, label, bytes, come, isWhole }: HubForm): TemplateResult | typeof nothing {
    const { fetching } = this.session.state.hub;
    if (this.#isFetching(id))
      return html`<gradus-progress
        label="Fetching ${label}"
        .done=${fetching!.done}
        .total=${fetching!.total}
        .detail=${fetching!.total > 0 ? `${formatBytes(fetching!.done)} of ${formatBytes(fetching!.total)}` : undefined}
      ></gradus-progress>`;
    if (isWhole) return html`<span>In this browser.</span> `;
    if (come === 0) return nothing;
    return html`<span>Paused at ${formatBytes(come)} of ${formatBytes(bytes)}.</span> `;
  }

  #fitWords(fit: FormFit): TemplateResult {
    if ("problem" in fit)
      return html`<span class="unfit"
        >Does not fit: ${fit.problem}
        ${fit.remedy ? remedyWords(fit.remedy) : "No setting changes that."}</span
      >`;
    const { memoryBytes } = this.session.state.device ?? {};
    return memoryBytes === undefined
      ? html`<span>Takes about ${formatBytes(fit.totalBytes)} of GPU memory.</span>`
      : html`<span>Fits: about ${formatBytes(fit.totalBytes)} of ${formatBytes(memoryBytes)}.</span>`;
  }

  #question(): TemplateResult {
    const { hub } = this.session;
    return html`<gradus-notice tone="warning">
      Without it ${plural(this.model.neededBy.length, "run")} cannot go on until it is fetched again.
      <button slot="actions" @click=${() => (this.isAsked = false)}>Keep</button>
      <button
        slot="actions"
        class="danger"
        @click=${() => {
          this.isAsked = false;
          void hub.remove(this.model, true);
        }}
      >
        Delete all the same
      </button>
    </gradus-notice>`;
  }

  #delete = (): void => {
    if (this.model.neededBy.length > 0) this.isAsked = true;
    else void this.session.hub.remove(this.model, false);
  };

  #labelOf = (id: string): string => this.model.forms.find((form) => form.id === id)!.label;

  /** Whether this model, or this form of it, is being fetched. */
  #isFetching(form?: string): boolean {
    const { fetching } = this.session.state.hub;
    return (
      fetching !== undefined &&
      isSameModel(fetching, this.model) &&
      (form === undefined || fetching.form === form)
    );
  }

  #isLocked(): boolean {
    const { run, busy, device } = this.session.state;
    return !device || isUnderWay(run) || busy.model === true;
  }

  /** Asks anew where the model, the settings or the device are others. */
  async #refreshFits(): Promise<void> {
    const { config, device } = this.session.state;
    if (!device || this.model.forms.length === 0) return;
    const { repository, revision } = this.model;
    const of = [repository, revision, config, device.memoryBytes, this.session.state.presetId];
    if (of.every((value, i) => value === this.#fitOf[i])) return;
    // What is on show of another model says nothing about this one.
    if (repository !== this.#fitOf[0] || revision !== this.#fitOf[1]) this.fits = this.refusal = undefined;
    this.#fitOf = of;
    try {
      const fits = await this.session.hub.fits(this.model);
      // Others have been asked for meanwhile.
      if (of !== this.#fitOf) return;
      this.fits = fits;
      this.refusal = undefined;
    } catch (error) {
      if (of !== this.#fitOf) return;
      this.fits = undefined;
      this.refusal = messageOf(error);
    }
  }
}

customElements.define("gradus-hub-model", GradusHubModel);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-hub-model": GradusHubModel;
  }
}
