// The place Run: whether it lives, whether it learns, whether it is healthy, on one screen. Lays out the parts; what each
// shows is its own element.

import { html, LitElement, nothing, type TemplateResult } from "lit";

import "./gradus-before-after.ts";
import "./gradus-charts.ts";
import "./gradus-controls.ts";
import "./gradus-downloads.ts";
import "./gradus-group.ts";
import "./gradus-headline.ts";
import "./gradus-no-run.ts";
import "./gradus-notice.ts";
import "./gradus-switch.ts";
import "./gradus-timeline.ts";
import { runStyles } from "./run-styles.ts";
import type { RunView } from "./run-view.ts";
import { runWords } from "./run-words.ts";
import { isUnderWay, type Session, SessionController } from "./session.ts";
import { baseStyles, buttonStyles, cardStyles } from "./styles.ts";

const PANELS = [
  { id: "group", label: "Live group" },
  { id: "problems", label: "Before and after" },
] as const;
type Panel = (typeof PANELS)[number]["id"];

export class GradusRun extends LitElement {
  static override properties = {
    session: { attribute: false },
    panel: { state: true },
    dismissed: { state: true },
  };

  declare session: Session;
  /** What the person wants to see on the right; without a choice it follows the run. */
  declare panel: Panel | undefined;
  /** The notice that was closed. */
  declare dismissed: string | undefined;

  static override styles = [baseStyles, buttonStyles, cardStyles, runStyles];

  constructor() {
    super();
    new SessionController(this);
  }

  override render(): TemplateResult {
    const { errors } = this.session.state;
    const run = this.#shown();
    const isFailed = run?.state === "failed";
    // What ended the run is said as its state.
    const own = isFailed && errors.run === run.message ? undefined : errors.run;
    const error = own ?? (isFailed ? undefined : errors.checkpoints);
    return html`<div class=${run ? "screen" : "invitation"}>
      ${
        error
          ? html`<gradus-notice
              tone="error"
              .dismiss=${() => this.session.dismiss(errors.run ? "run" : "checkpoints")}
              >${error}</gradus-notice
            >`
          : nothing
      }
      ${run ? this.#run(run) : html`<gradus-no-run .session=${this.session}></gradus-no-run>`}
    </div>`;
  }

  /** The run; until the worker has told its configuration, with the one it was asked to begin with. */
  #shown(): RunView | undefined {
    const { run, config } = this.session.state;
    return run && !run.config ? { ...run, config } : run;
  }

  #run(run: RunView): TemplateResult {
    return html`
      ${this.#failure(run)} ${this.#waiting(run)} ${this.#notice(run)}
      <header>
        <h1>${runWords(run).text}</h1>
        ${isUnderWay(run) ? nothing : this.#downloads(run)}
        <gradus-controls .session=${this.session} .run=${run}></gradus-controls>
        <gradus-timeline .run=${run} ?hidden=${!isUnderWay(run)}></gradus-timeline>
      </header>
      <div class="columns">
        <div class="numbers">
          <gradus-headline .run=${run}></gradus-headline>
          <gradus-charts .run=${run}></gradus-charts>
        </div>
        ${this.#panelOf(run)}
      </div>
    `;
  }

  #downloads(run: RunView): TemplateResult | typeof nothing {
    const { id, lastCheckpoint, state } = run;
    if (id === undefined || (state === "failed" && !lastCheckpoint)) return nothing;
    return html`<gradus-downloads
      .session=${this.session}
      run-id=${id}
      ?main=${state === "finished" && runWords(run).tone === "good"}
    ></gradus-downloads>`;
  }

  #failure({ state, message, id, lastCheckpoint }: RunView): TemplateResult | typeof nothing {
    if (state !== "failed") return nothing;
    return html`<gradus-notice tone="error">
      ${message ?? "The run ended without saying why."}
      ${
        id !== undefined && lastCheckpoint
          ? html`<button slot="actions" @click=${() => void this.session.runs.resume(id)}>
              Resume from step ${lastCheckpoint.step}
            </button>`
          : nothing
      }
    </gradus-notice>`;
  }

  /** A run that waits for other settings says which. */
  #waiting({ state, message }: RunView): TemplateResult | typeof nothing {
    if (state !== "paused" || message === undefined) return nothing;
    return html`<gradus-notice tone="warning">
      ${message}
      <button slot="actions" @click=${() => this.session.goTo("setup")}>Go to Setup</button>
    </gradus-notice>`;
  }

  #notice({ notices }: RunView): TemplateResult | typeof nothing {
    const newest = notices.at(-1);
    if (newest === undefined || newest === this.dismissed) return nothing;
    return html`<gradus-notice tone="quiet" .dismiss=${() => (this.dismissed = newest)}
      >${newest}</gradus-notice
    >`;
  }

  /** The live group, or held-out problems: of choice, and by itself once the run has ended or where there is no group. */
  #panelOf(run: RunView): TemplateResult {
    const hasGroups = run.config?.["gradus.mode"] !== "sft";
    const hasProblems = run.evaluations.length > 0;
    const wanted = this.panel ?? (run.state === "finished" || !hasGroups ? "problems" : "group");
    const shown = !hasGroups || (wanted === "problems" && hasProblems) ? "problems" : "group";
    return html`<aside class="card" aria-label=${PANELS.find(({ id }) => id === shown)!.label}>
      ${
        hasGroups && hasProblems
          ? html`<gradus-switch
              label="Show"
              .options=${PANELS}
              .value=${shown}
              @change=${this.#onPanel}
            ></gradus-switch>`
          : html`<h2>${hasGroups ? "Live group" : "Before and after"}</h2>`
      }
      ${
        shown === "group"
          ? html`<gradus-group .run=${run}></gradus-group>`
          : hasProblems
            ? html`<gradus-before-after .evaluations=${run.evaluations}></gradus-before-after>`
            : html`<p class="wait">Held-out problems are answered before the first step.</p>`
      }
    </aside>`;
  }

  #onPanel = (event: Event): void => {
    this.panel = (event.target as HTMLElement & { value: Panel }).value;
  };
}

customElements.define("gradus-run", GradusRun);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-run": GradusRun;
  }
}
