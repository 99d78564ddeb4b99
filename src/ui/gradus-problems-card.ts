// The problems to train on and those held out: the demo's, or a file that was dropped. Shows the first three as the model
// will see them, and every row that was left out with its reason.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";

import type { ProblemPreview, ProblemsSummary } from "../worker/api.ts";
import { formatInteger, plural } from "./format.ts";
import "./gradus-card.ts";
import type { OpenEvent } from "./gradus-card.ts";
import "./gradus-drop-zone.ts";
import type { FilesEvent } from "./gradus-drop-zone.ts";
import "./gradus-notice.ts";
import type { Session } from "./session.ts";
import { isUnderWay, SessionController } from "./session.ts";
import { factStyles } from "./setup-styles.ts";
import { baseStyles, buttonStyles } from "./styles.ts";

export class GradusProblemsCard extends LitElement {
  static override properties = { session: { attribute: false }, isOpen: { state: true } };

  declare session: Session;
  /** Opened by the person; an error opens the card as well. */
  declare isOpen: boolean;

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
      summary {
        width: fit-content;
        color: var(--warning);
        font-size: var(--size-13);
        cursor: pointer;
      }
      .refused {
        max-height: 160px;
        margin-top: 8px;
        overflow: auto;
      }
      .more {
        font-size: var(--size-13);
      }
    `,
  ];

  constructor() {
    super();
    this.isOpen = false;
    new SessionController(this);
  }

  override render(): TemplateResult {
    const { problems, errors } = this.session.state;
    return html`
      <gradus-card
        number="2"
        heading="Problems"
        .isOpen=${errors.problems ? true : this.isOpen}
        .isDone=${problems !== undefined}
        @open-change=${({ isOpen }: OpenEvent) => this.#open(isOpen)}
      >
        <div slot="summary">${this.#summary()}</div>
        ${this.#error()} ${problems ? this.#details(problems) : nothing} ${this.#choice()}
      </gradus-card>
    `;
  }

  #open(isOpen: boolean): void {
    this.isOpen = isOpen;
    if (!isOpen) this.session.dismiss("problems");
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
    const { train, heldOut, refusedCount, preview } = problems;
    return html`
      ${nameOf(problems)}<span class="quiet"
        >, <span class="number">${formatInteger(train)}</span> to train on,
        <span class="number">${formatInteger(heldOut)}</span> held
        out${refusedCount > 0 ? html`, ${plural(refusedCount, "row")} left out` : nothing}</span
      >
      ${preview[0] && !this.isOpen ? html`<p class="example quiet">${exampleOf(preview[0])}</p>` : nothing}
    `;
  }

  #error(): TemplateResult | typeof nothing {
    const { errors, problems } = this.session.state;
    if (!errors.problems) return nothing;
    return html`<gradus-notice tone="error" .dismiss=${() => this.session.dismiss("problems")}>
      ${errors.problems} ${problems ? `${nameOf(problems)} stay loaded.` : ""}
    </gradus-notice>`;
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
              <div class="refused" tabindex="0" role="group" aria-label="Rows left out">
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

  #choice(): TemplateResult {
    const { problems, run, busy } = this.session.state;
    const isLocked = isUnderWay(run) || busy.problems === true;
    return html`
      <gradus-drop-zone
        what="Problem"
        accept=".json,.jsonl,.ndjson,.parquet"
        ?disabled=${isLocked}
        @files=${({ files }: FilesEvent) => void this.session.useProblemFiles(files)}
      >
        ${
          isUnderWay(run)
            ? "The run holds these problems. Others can be loaded when it has ended."
            : html`Drop JSON, JSON Lines or parquet with <code>question</code> and <code>answer</code>, as
                GSM8K has them. A second file with "test" in its name is held out.`
        }
      </gradus-drop-zone>
      ${
        problems?.isDemo
          ? nothing
          : html`<button
              class="plain back"
              ?disabled=${isLocked}
              @click=${() => void this.session.useDemoProblems()}
            >
              Take the demo's problems
            </button>`
      }
    `;
  }
}

const nameOf = ({ name, isDemo }: ProblemsSummary): string => (isDemo ? "Demo problems" : name);

const exampleOf = ({ question, groundTruth }: ProblemPreview): string =>
  `Such as: ${question} (${groundTruth})`;

const problemItem = ({ question, groundTruth, prompt }: ProblemPreview): TemplateResult => html`
  <li title=${prompt ?? nothing}>
    <p>${question}</p>
    <span class="answer number">Answer ${groundTruth}</span>
  </li>
`;

customElements.define("gradus-problems-card", GradusProblemsCard);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-problems-card": GradusProblemsCard;
  }
}
