// The banner over a page that was closed while a run was going on: which run, how far it had got, and a button to go on.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import type { RunSummary } from "../worker/api.ts";
import "./gradus-notice.ts";
import type { Session } from "./session.ts";
import { SessionController } from "./session.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

export class GradusResume extends LitElement {
  static override properties = { session: { attribute: false }, isDismissed: { state: true } };

  declare session: Session;
  declare isDismissed: boolean;

  static override styles = [
    baseStyles,
    buttonStyles,
    css`
      gradus-notice {
        max-width: 920px;
        margin: 0 auto;
        padding: 12px 24px 0;
      }
      @media (max-width: 719px) {
        gradus-notice {
          padding: 12px 12px 0;
        }
      }
    `,
  ];

  constructor() {
    super();
    this.isDismissed = false;
    new SessionController(this);
  }

  override render(): TemplateResult | typeof nothing {
    const { runs, run, place } = this.session.state;
    const left = newestUnfinished(runs);
    // Run and Checkpoints offer it in their own way.
    if (!left || run || this.isDismissed || place !== "setup") return nothing;
    return html`
      <gradus-notice .dismiss=${() => (this.isDismissed = true)}>
        ${left.name} stopped at step ${left.step} of ${left.totalSteps}.
        <button slot="actions" @click=${() => void this.session.runs.resume(left.id)}>Resume</button>
      </gradus-notice>
    `;
  }
}

const isUnfinished = (state: RunSummary["state"]): boolean => state === "running" || state === "paused";

/** The run that was under way when its page was closed, and that no other tab goes on with. */
const newestUnfinished = (runs: readonly RunSummary[]): RunSummary | undefined =>
  runs
    .filter(({ state, isBusy, checkpoints }) => !isBusy && isUnfinished(state) && checkpoints.length > 0)
    .toSorted((a, b) => b.updatedAt - a.updatedAt)[0];

customElements.define("gradus-resume", GradusResume);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-resume": GradusResume;
  }
}
