// The foot of Setup: what the run will hold on the device, and the button that starts it, or why it cannot start yet.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import { whyUnfit } from "../rl/config/data-fit.ts";
import type { PlanSummary, Unfit } from "../worker/api.ts";
import { formatBytes, formatCount } from "./format.ts";
import "./gradus-notice.ts";
import { icon } from "./icons.ts";
import { planShares } from "./plan-shares.ts";
import { remedyWords } from "./remedy-words.ts";
import type { Session, SessionState } from "./session.ts";
import { isUnderWay, SessionController } from "./session.ts";
import { whyUnjudged } from "./session/judge.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

export class GradusPlan extends LitElement {
  static override properties = { session: { attribute: false } };

  declare session: Session;

  static override styles = [
    baseStyles,
    buttonStyles,
    css`
      .plan {
        display: flex;
        align-items: center;
        gap: 12px 32px;
        min-height: 76px;
        padding: 12px 0;
      }
      gradus-notice {
        margin-top: 8px;
      }
      .memory {
        flex: 1;
        min-width: 0;
        font-size: var(--size-12);
        line-height: 16px;
      }
      .total {
        display: flex;
        justify-content: space-between;
        gap: 16px;
      }
      .bar {
        display: flex;
        gap: 2px;
        height: 8px;
        margin: 6px 0;
        overflow: hidden;
        border-radius: 4px;
        background: var(--line);
      }
      .share,
      .swatch {
        background: var(--colour);
      }
      .share {
        min-width: 2px;
        transition: flex-grow 0.2s ease-out;
      }
      ul {
        display: flex;
        flex-wrap: wrap;
        gap: 2px 12px;
        min-height: 16px;
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: flex;
        align-items: center;
        gap: 6px;
        white-space: nowrap;
      }
      .swatch {
        width: 8px;
        height: 8px;
        border-radius: 2px;
      }
      button.primary {
        min-width: 112px;
        min-height: 44px;
        font-size: var(--size-15);
        font-weight: 600;
      }
      button.primary svg.icon {
        fill: currentcolor;
      }
      @media (max-width: 719px) {
        .plan {
          gap: 12px;
          padding: 8px 0;
        }
        ul,
        .trainable,
        .total span:empty {
          display: none;
        }
        .bar {
          margin-bottom: 0;
        }
        .total {
          flex-wrap: wrap;
          gap: 0 16px;
        }
      }
    `,
  ];

  constructor() {
    super();
    new SessionController(this);
  }

  override render(): TemplateResult {
    const { state } = this.session;
    const isGoing = isUnderWay(state.run);
    const reason = isGoing ? "A run is under way; changes here are for the next one" : whyNot(state);
    return html`
      ${state.unfit && !isGoing ? this.#unfit(state.unfit) : nothing}
      <section class="plan" aria-label="Plan">
        <div class="memory">
          <div class="total">
            <span>${state.plan ? totalOf(state.plan, state.device?.memoryBytes) : nothing}</span>
            <span class="quiet" id="reason" role="status">${reason ?? nothing}</span>
            ${state.plan && !reason ? trainableOf(state.plan) : nothing}
          </div>
          ${sharesOf(state.plan)}
        </div>
        ${isGoing ? this.#goToRun() : this.#train(reason)}
      </section>
    `;
  }

  #unfit({ problem, remedy }: Unfit): TemplateResult {
    return html`<gradus-notice tone="warning">
      ${problem} ${remedy ? remedyWords(remedy) : "No setting changes that: take a smaller model."}
      ${
        remedy
          ? html`<button slot="actions" @click=${() => void this.session.recipe.change(remedy.values)}>
              Take these settings
            </button>`
          : nothing
      }
    </gradus-notice>`;
  }

  #train(reason: string | undefined): TemplateResult {
    return html`<button
      class="primary"
      aria-describedby="reason"
      ?disabled=${reason !== undefined}
      @click=${() => void this.session.runs.train()}
    >
      ${icon("play")}Train
    </button>`;
  }

  #goToRun(): TemplateResult {
    return html`<button class="primary" @click=${() => this.session.goTo("run")}>Go to the run</button>`;
  }
}

/** Why a run cannot start, or undefined. */
function whyNot(state: SessionState): string | undefined {
  const { device, model, problems, config, errors, busy, unfit } = state;
  if (!device) return "Looking for a GPU";
  if (busy.model) return "The model is being read";
  if (!model) return "A model is needed";
  if (busy.problems) return "The problems are being read";
  if (!problems) return "Problems are needed";
  if (whyUnfit(config, problems.kind)) return "Recipe and problems do not go together";
  if (errors.recipe) return "The recipe needs a change";
  if (unfit) return "The run does not fit this GPU";
  if (busy.run) return "The run is starting";
  return whyUnjudged(state.judgement);
}

const totalOf = ({ totalBytes }: PlanSummary, memoryBytes: number | undefined): TemplateResult =>
  html`<span class="number">${formatBytes(totalBytes)}</span> ${
      memoryBytes === undefined
        ? nothing
        : html`<span class="quiet">of</span> <span class="number">${formatBytes(memoryBytes)}</span>`
    } <span class="quiet">of GPU memory</span>`;

const trainableOf = ({ trainableParameters }: PlanSummary): TemplateResult =>
  html`<span class="trainable">
    <span class="number">${formatCount(trainableParameters)}</span>
    <span class="quiet">parameters are trained</span>
  </span>`;

/** The bar and its legend; empty, but as high, as long as there is no plan. */
function sharesOf(plan: PlanSummary | undefined): TemplateResult {
  const shares = plan ? planShares(plan.bytes) : [];
  return html`
    <div class="bar" aria-hidden="true">
      ${shares.map(
        ({ bytes, series }) =>
          html`<span class="share" style=${`flex: ${bytes} 1 0; --colour: var(--series-${series})`}></span>`,
      )}
    </div>
    <ul aria-label="GPU memory by owner">
      ${shares.map(
        ({ label, bytes, series }) =>
          html`<li>
            <span class="swatch" style=${`--colour: var(--series-${series})`}></span>
            <span class="quiet">${label}</span>
            <span class="number">${formatBytes(bytes)}</span>
          </li>`,
      )}
    </ul>
  `;
}

customElements.define("gradus-plan", GradusPlan);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-plan": GradusPlan;
  }
}
