// Held-out problems before and after training, the same ones side by side: those that flipped first. With one evaluation it
// shows how the model answers so far. What flipped is decided in before-after.ts.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import type { Evaluation, EvaluationSample } from "../worker/api.ts";
import { compared, type Comparison, type Flip } from "./before-after.ts";
import { plural } from "./format.ts";
import { icon } from "./icons.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

/** Problems shown of a list before "Show all". */
const FIRST = 8;

export class GradusBeforeAfter extends LitElement {
  static override properties = { evaluations: { attribute: false }, isWhole: { state: true } };

  /** At least one, ascending by step. */
  declare evaluations: readonly Evaluation[];
  declare isWhole: boolean;

  static override styles = [
    baseStyles,
    buttonStyles,
    css`
      :host {
        display: flex;
        min-height: 0;
      }
      .list {
        position: relative;
        flex: 1;
        overflow-y: auto;
      }
      .sum {
        padding: 4px 12px 12px;
        font-size: var(--size-13);
        line-height: 20px;
        text-wrap: pretty;
      }
      h3 {
        position: sticky;
        top: 0;
        z-index: 1;
        padding: 4px 12px;
        background: var(--sunken);
        color: var(--text-quiet);
        font-size: var(--size-12);
        font-weight: 500;
        line-height: 20px;
      }
      ul {
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        padding: 8px 12px;
        border-bottom: 1px solid var(--line);
      }
      .question {
        font-size: var(--size-12);
        line-height: 18px;
      }
      .answers {
        display: grid;
        grid-template-columns: max-content 16px minmax(0, 1fr);
        gap: 2px 8px;
        margin-top: 4px;
        font-size: var(--size-12);
        line-height: 18px;
      }
      .answers svg.icon {
        margin-top: 1px;
      }
      .right {
        color: var(--positive);
      }
      .wrong {
        color: var(--negative);
      }
      .response {
        font-family: var(--mono);
        overflow-wrap: anywhere;
        white-space: pre-wrap;
      }
      .more {
        padding: 8px 12px;
      }
    `,
  ];

  constructor() {
    super();
    this.isWhole = false;
  }

  override render(): TemplateResult {
    const first = this.evaluations[0]!;
    const last = this.evaluations.at(-1)!;
    const comparison = first === last ? undefined : compared(first, last);
    return html`<div class="list" role="region" tabindex="0" aria-label="Held-out problems">
      ${comparison ? this.#comparison(comparison, first.step, last.step) : this.#samples(last)}
    </div>`;
  }

  #comparison(comparison: Comparison, from: number, to: number): TemplateResult {
    const { toRight, toWrong, stayedRight, stayedWrong } = comparison;
    const item = ({ before, after }: Flip): TemplateResult =>
      problemOf(before, [
        { step: from, sample: before },
        { step: to, sample: after },
      ]);
    return html`
      <p class="sum">
        From step ${from} to step ${to}, ${plural(toRight.length, "held-out problem")} went from wrong to
        right and ${toWrong.length} from right to wrong. ${stayedRight} stayed right, ${stayedWrong} stayed
        wrong.
      </p>
      ${this.#list("Wrong to right", toRight, item)} ${this.#list("Right to wrong", toWrong, item)}
      ${this.#more(Math.max(toRight.length, toWrong.length))}
    `;
  }

  #samples({ samples, step }: Evaluation): TemplateResult {
    if (samples.length === 0) return html`<p class="sum">The responses of this evaluation were not kept.</p>`;
    return html`
      ${this.#list(`At step ${step}, held-out problems:`, samples, (sample) => problemOf(sample, [{ step, sample }]))}
      ${this.#more(samples.length)}
    `;
  }

  #list<T>(
    title: string,
    items: readonly T[],
    draw: (item: T) => TemplateResult,
  ): TemplateResult | typeof nothing {
    if (items.length === 0) return nothing;
    const shown = this.isWhole ? items : items.slice(0, FIRST);
    return html`<h3>${title} <span class="number">${items.length}</span></h3>
      <ul>
        ${shown.map(draw)}
      </ul>`;
  }

  #more(longest: number): TemplateResult | typeof nothing {
    if (this.isWhole || longest <= FIRST) return nothing;
    return html`<div class="more">
      <button class="plain" @click=${() => (this.isWhole = true)}>Show all</button>
    </div>`;
  }
}

interface Answer {
  readonly step: number;
  readonly sample: EvaluationSample;
}

const problemOf = (
  { question, groundTruth }: EvaluationSample,
  answers: readonly Answer[],
): TemplateResult => html`
  <li>
    <div class="question">
      ${question} <span class="quiet">Answer <span class="number">${groundTruth}</span></span>
    </div>
    <div class="answers">${answers.map(answerOf)}</div>
  </li>
`;

const answerOf = ({ step, sample }: Answer): TemplateResult => html`
  <span class="quiet">step <span class="number">${step}</span></span>
  <span class=${sample.isStrict ? "right" : "wrong"}
    >${icon(sample.isStrict ? "check" : "close")}<span class="hidden"
      >${sample.isStrict ? "right" : "wrong"}</span
    ></span
  >
  <span class="response">${sample.response}</span>
`;

customElements.define("gradus-before-after", GradusBeforeAfter);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-before-after": GradusBeforeAfter;
  }
}
