// The problems, or preference pairs, to train on and those held out: the demo's, or a file that was dropped. Shows the first
// three, and every row that was left out with its reason.

import { css, html, nothing, type TemplateResult } from "lit";

import type { ProblemPreview, ProblemsSummary } from "../worker/api.ts";
import { formatInteger, plural } from "./format.ts";
import { SetupCard } from "./setup-card.ts";
import { factStyles } from "./setup-styles.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

export class GradusProblemsCard extends SetupCard {
  protected override readonly concern = "problems";

  static override styles = [
    baseStyles,
    buttonStyles,
    factStyles,
    css`
      .example {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      @media (max-width: 719px) {
        .example {
          white-space: normal;
        }
      }
      ol {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(200px, 1fr));
        gap: 8px;
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: flex;
        flex-direction: column;
        justify-content: space-between;
        gap: 8px;
        padding: 8px 12px;
        border-radius: var(--radius-small);
        background: var(--sunken);
        font-size: var(--size-13);
        line-height: 20px;
      }
      li p {
        display: -webkit-box;
        overflow: hidden;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 4;
        overflow-wrap: anywhere;
      }
      .answer {
        color: var(--positive);
        font-size: var(--size-12);
      }
      .pair {
        grid-template-columns: auto minmax(0, 1fr);
        gap: 2px 8px;
        margin: 0;
        font-size: var(--size-12);
        line-height: 18px;
      }
      .pair dd {
        margin: 0;
        white-space: pre-line;
      }
      .rejected {
        color: var(--negative);
      }
      summary {
        width: fit-content;
        color: var(--warning);
        font-size: var(--size-13);
        cursor: pointer;
      }
      .left-out {
        max-height: 160px;
        margin-top: 8px;
        overflow: auto;
      }
      .more {
        font-size: var(--size-13);
      }
    `,
  ];

  override render(): TemplateResult {
    const { problems } = this.session.state;
    return this.frame({
      number: 2,
      heading: "Problems",
      isDone: problems !== undefined,
      summary: this.#summary(),
      content: problems ? this.#details(problems) : nothing,
      stays: problems ? `${nameOf(problems)} stay loaded.` : "",
      choice: {
        what: "Problem",
        accept: ".json,.jsonl,.ndjson,.parquet",
        takesFolder: false,
        take: (files) => void this.session.problems.useFiles(files),
        words: html`Drop JSON, JSON Lines or parquet with <code>question</code> and <code>answer</code>, as
          GSM8K has them, or preference pairs with <code>prompt</code>, <code>chosen</code> and
          <code>rejected</code>. A second file with "test" in its name is held out.`,
        lockedWords: "The run holds these problems. Others can be loaded when it has ended.",
        back: problems?.isDemo
          ? undefined
          : { label: "Take the demo's problems", go: () => void this.session.problems.useDemo() },
      },
    });
  }

  #summary(): TemplateResult {
    const { device, problems, busy } = this.session.state;
    // As high as what follows, so that the recipe stays where it is.
    const waiting = (words: string): TemplateResult =>
      html`<p class="quiet">${words}</p>
        <p class="example">&nbsp;</p>`;
    if (!device) return waiting("The demo's, once a GPU is found");
    if (busy.problems) return waiting("Reading the problems");
    if (!problems) return html`<span class="quiet">Drop a GSM8K file, or take the demo's problems</span>`;
    const { train, heldOut, kind, refusedCount, preview } = problems;
    return html`
      ${nameOf(problems)}<span class="quiet"
        >,
        <span class="number">${formatInteger(train)}</span> ${kind === "pairs" ? "preference pairs " : ""}to
        train on, <span class="number">${formatInteger(heldOut)}</span> held
        out${refusedCount > 0 ? html`, ${plural(refusedCount, "row")} left out` : nothing}</span
      >
      ${preview[0] && !this.isOpen ? html`<p class="example quiet">${exampleOf(preview[0])}</p>` : nothing}
    `;
  }

  #details({ preview, refused, refusedCount }: ProblemsSummary): TemplateResult {
    const more = refusedCount - refused.length;
    return html`
      <ol aria-label="The first problems">
        ${preview.map(problemItem)}
      </ol>
      ${
        refusedCount > 0
          ? html`<details>
              <summary>${plural(refusedCount, "row")} left out</summary>
              <div class="left-out" tabindex="0" role="group" aria-label="Rows left out">
                <dl>
                  ${refused.map(
                    ({ where, why }) =>
                      html`<dt class="number">${where}</dt>
                        <dd>${why}</dd>`,
                  )}
                </dl>
                ${more > 0 ? html`<p class="quiet more">and ${formatInteger(more)} more</p>` : nothing}
              </div>
            </details>`
          : nothing
      }
    `;
  }
}

const nameOf = ({ name, isDemo }: ProblemsSummary): string => (isDemo ? "Demo problems" : name);

const exampleOf = ({ question, groundTruth, pair }: ProblemPreview): string =>
  pair
    ? `Such as: ${question} ${pair.chosen} rather than ${pair.rejected}`
    : `Such as: ${question} (${groundTruth})`;

const problemItem = ({ question, groundTruth, pair, prompt }: ProblemPreview): TemplateResult => html`
  <li title=${prompt ?? nothing}>
    <p>${question}</p>
    ${
      pair
        ? html`<dl class="pair">
            <dt class="answer">Chosen</dt>
            <dd><p>${pair.chosen}</p></dd>
            <dt class="rejected">Rejected</dt>
            <dd><p>${pair.rejected}</p></dd>
          </dl>`
        : html`<span class="answer number">Answer ${groundTruth}</span>`
    }
  </li>
`;

customElements.define("gradus-problems-card", GradusProblemsCard);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-problems-card": GradusProblemsCard;
  }
}
