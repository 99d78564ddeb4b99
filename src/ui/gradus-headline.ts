// The one number that matters: accuracy on problems that were never trained on, now, where it began, and how sure the
// difference is; the mean reward beside it. Of preference pairs, how many are told apart. Statistics are in before-after.ts.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import "./gradus-sparkline.ts";
import { difference } from "./before-after.ts";
import { valuesOf } from "./chart-data.ts";
import { formatNumber, formatShare, plural } from "./format.ts";
import type { PairEvaluation } from "./pair-evaluations.ts";
import { pairEvaluations } from "./pair-evaluations.ts";
import type { RunView } from "./run-view.ts";
import { isUnderWay } from "./session.ts";
import { baseStyles } from "./styles.ts";
import { signed } from "./token-colours.ts";

const points = (share: number): string => signed(100 * share, 1);

export class GradusHeadline extends LitElement {
  static override properties = { run: { attribute: false } };

  declare run: RunView;

  static override styles = [
    baseStyles,
    css`
      :host {
        display: flex;
        flex-wrap: wrap;
        align-items: stretch;
        gap: 12px 32px;
      }
      h2,
      h3 {
        color: var(--text-quiet);
        font-size: var(--size-12);
        font-weight: 400;
        line-height: 16px;
      }
      .value {
        font-family: var(--mono);
        font-variant-numeric: tabular-nums;
        letter-spacing: -0.03em;
        line-height: 40px;
        white-space: nowrap;
      }
      .strict {
        flex: 0 1 392px;
      }
      .strict .value {
        font-size: var(--size-32);
        font-weight: 600;
      }
      .side {
        flex: 0 0 88px;
      }
      .side .value {
        color: var(--text-quiet);
        font-size: var(--size-20);
      }
      .since {
        min-height: 16px;
        color: var(--text-quiet);
        font-size: var(--size-12);
        line-height: 16px;
      }
      .gain {
        color: var(--text);
      }
      .gain.up {
        color: var(--positive);
      }
      .gain.down {
        color: var(--negative);
      }
      .learning {
        flex: 1 1 140px;
        max-width: 240px;
        margin-inline-start: auto;
      }
      @media (max-width: 719px) {
        .strict {
          flex-basis: 100%;
        }
        .strict .since {
          min-height: 32px;
        }
      }
      gradus-sparkline {
        margin: 4px 0;
      }
    `,
  ];

  override render(): TemplateResult {
    const { evaluations, history, config } = this.run;
    const first = evaluations[0];
    const last = evaluations.at(-1);
    const pairs = pairEvaluations(history);
    if (!last && config?.["gradus.mode"] === "dpo")
      return html`${this.#preference(pairs)} ${this.#learning()}`;
    return html`
      <section class="strict">
        <h2>Held-out accuracy${last ? html`, strict, ${last.n} problems, step ${last.step}` : nothing}</h2>
        <div class="value">${last ? formatShare(last.strict.mean) : "\u2013"}</div>
        <p class="since" role="status">${this.#since()}</p>
      </section>
      ${pairs.length > 0 ? pairsBeside(pairs) : nothing}
      <section class="side">
        <h3>Flexible</h3>
        <div class="value">${last ? formatShare(last.flexible.mean) : "\u2013"}</div>
        <p class="since">
          ${first && first !== last ? html`from <span class="number">${formatShare(first.flexible.mean)}</span>` : nothing}
        </p>
      </section>
      ${this.#learning()}
    `;
  }

  /** In place of answers, where none of the held-out pairs has one. */
  #preference(pairs: readonly PairEvaluation[]): TemplateResult {
    const [first, last] = [pairs[0], pairs.at(-1)];
    return html`<section class="strict">
      <h2>Held-out preference${last ? html`, ${last.n} pairs told apart, step ${last.step}` : nothing}</h2>
      <div class="value">${last ? formatShare(last.mean) : "\u2013"}</div>
      <p class="since" role="status">
        ${
          last
            ? html`95 % interval
                <span class="number">${formatShare(last.low)} to ${formatShare(last.high)}</span>`
            : unmeasured(this.run)
        }${first && first !== last ? html`, from <span class="number">${formatShare(first.mean)}</span> at step ${first.step}` : nothing}
      </p>
    </section>`;
  }

  #since(): TemplateResult | string {
    const { evaluations } = this.run;
    const first = evaluations[0];
    const last = evaluations.at(-1);
    if (!first || !last) return unmeasured(this.run);
    if (first === last) {
      const { low, high } = last.strict;
      return html`95 % interval <span class="number">${formatShare(low)} to ${formatShare(high)}</span>`;
    }
    const { mean, low, high } = difference(first, last);
    const tone = low > 0 ? "up" : high < 0 ? "down" : "";
    return html`<span class="number gain ${tone}">${points(mean)}</span> points from
      <span class="number">${formatShare(first.strict.mean)}</span> at step ${first.step}, 95 % interval
      <span class="number">${points(low)} to ${points(high)}</span>`;
  }

  /** The reward of the steps, or the loss where responses are given. */
  #learning(): TemplateResult {
    const key = LOSS_KEYS[this.run.config?.["gradus.mode"] ?? ""];
    const name = key ? "Loss" : "Reward";
    const values = valuesOf(this.run.history, key ?? "critic/score/mean");
    const last = values.findLast((value) => value !== null);
    const text = last === undefined || last === null ? "" : formatNumber(last);
    return html`<section class="learning">
      <h3>${name} <span class="number gain">${text}</span></h3>
      <gradus-sparkline .values=${values} label="${name} by step, ${text || "none yet"}"></gradus-sparkline>
    </section>`;
  }
}

/** What falls where nothing earns a reward. */
const LOSS_KEYS: Readonly<Record<string, string>> = { sft: "train/loss", dpo: "preference/ranking_loss" };

function pairsBeside(pairs: readonly PairEvaluation[]): TemplateResult {
  const [first, last] = [pairs[0]!, pairs.at(-1)!];
  return html`<section class="side">
    <h3>Pairs</h3>
    <div class="value">${formatShare(last.mean)}</div>
    <p class="since">
      ${first === last ? nothing : html`from <span class="number">${formatShare(first.mean)}</span>`}
    </p>
  </section>`;
}

/** When an accuracy is to be expected. */
function unmeasured(run: RunView): string {
  const { step, config } = run;
  if (!isUnderWay(run)) return "Not evaluated";
  if (step === 0 && config?.["trainer.val_before_train"]) return "Measured before the first step";
  const every = config?.["trainer.test_freq"] ?? 0;
  return every > 0 ? `Measured every ${plural(every, "step")}` : "Measured when you press Evaluate now";
}

customElements.define("gradus-headline", GradusHeadline);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-headline": GradusHeadline;
  }
}
