// The person's own reward: write a function or choose its file, try it on samples, and say whether it judges. The function is run in
// the worker's sandbox, never here. Folded away until it is wanted.

import { messageOf } from "../common/error-words.ts";
import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";

import type { RewardFault, RewardTest, TestedResponse } from "../worker/api.ts";
import { fieldStyles } from "./field-styles.ts";
import { formatNumber, plural } from "./format.ts";
import "./gradus-code.ts";
import type { GradusCode } from "./gradus-code.ts";
import "./gradus-notice.ts";
import { icon } from "./icons.ts";
import {
  alone,
  isOwnOn,
  othersInWords,
  OWN_FUNCTION,
  OWN_WEIGHT,
  rewardText,
  TEMPLATE,
  turnedOff,
  turnedOn,
} from "./own-reward.ts";
import { foldStyles } from "./recipe-styles.ts";
import { rewardEditorStyles } from "./reward-editor-styles.ts";
import type { Session } from "./session.ts";
import { SessionController } from "./session.ts";
import { baseStyles, buttonStyles, chipStyles } from "./styles.ts";

export class GradusRewardEditor extends LitElement {
  static override properties = {
    session: { attribute: false },
    isOpen: { state: true },
    draft: { state: true },
    test: { state: true },
    problem: { state: true },
    isBusy: { state: true },
  };

  declare session: Session;
  declare isOpen: boolean;
  /** What stands in the editor; it becomes a setting when the editor is left. */
  declare draft: string;
  declare test: RewardTest | undefined;
  /** Why nothing could be tried, or a file not be taken. */
  declare problem: string;
  declare isBusy: boolean;
  /** The setting as it was seen last, to tell a change from elsewhere. */
  #known = "";

  static override styles = [
    baseStyles,
    buttonStyles,
    chipStyles,
    fieldStyles,
    foldStyles,
    rewardEditorStyles,
  ];

  constructor() {
    super();
    this.isOpen = false;
    this.draft = TEMPLATE;
    this.problem = "";
    this.isBusy = false;
    new SessionController(this);
  }

  /** A function that comes from elsewhere, such as a dropped file, is shown; a recipe without one takes nothing away. */
  protected override willUpdate(_: PropertyValues<this>): void {
    const code = this.session.state.config[OWN_FUNCTION];
    if (code === this.#known) return;
    this.#known = code;
    if (code === "" || code === this.draft) return;
    this.draft = code;
    this.test = undefined;
    this.isOpen = true;
  }

  override render(): TemplateResult {
    const isOn = isOwnOn(this.session.state.config);
    return html`
      <div class="head">
        <button
          class="plain toggle"
          aria-expanded=${this.isOpen}
          @click=${() => (this.isOpen = !this.isOpen)}
        >
          ${icon("chevron")}Your own reward
        </button>
        ${isOn ? html`<span class="chip accent">judges the responses</span>` : nothing}
      </div>
      ${this.isOpen ? this.#body() : nothing}
    `;
  }

  #body(): TemplateResult {
    const fault = this.#faultShown();
    return html`<div class="body">
      <p class="quiet">
        A JavaScript function that scores each response; verl's <code>compute_score</code>. It runs on this
        machine without network, storage, page, clock or chance, and is stopped when it takes too long.
      </p>
      ${this.#use()}
      <gradus-code
        label="Your reward function"
        .value=${this.draft}
        .markedLine=${fault?.line}
        described=${fault ? placed(fault) : ""}
        @input=${this.#typed}
        @change=${this.#commit}
      ></gradus-code>
      <div class="buttons">
        <button ?disabled=${this.isBusy || this.draft.trim() === ""} @click=${this.#try}>
          ${icon("play")}Test
        </button>
        <button @click=${() => this.renderRoot.querySelector<HTMLInputElement>("#file")?.click()}>
          Choose file
        </button>
        <span class="quiet">or drop a .js file anywhere on this page</span>
        <input
          class="hidden"
          id="file"
          type="file"
          tabindex="-1"
          accept=".js,.mjs,text/javascript"
          aria-label="Reward function file"
          @change=${this.#chosen}
        />
      </div>
      <div role="status">${this.#outcome()}</div>
      ${this.#goOn()}
    </div>`;
  }

  /** Whether it judges, and what judges beside it. */
  #use(): TemplateResult {
    const { config } = this.session.state;
    const isOn = isOwnOn(config);
    const others = othersInWords(config);
    return html`<div class="use">
      <label>
        <input type="checkbox" role="switch" .checked=${isOn} @change=${this.#turn} />Judge by this function
      </label>
      ${
        !isOn
          ? nothing
          : others === ""
            ? html`<span class="quiet">It judges alone, with weight ${config[OWN_WEIGHT]}.</span>`
            : html`<span class="quiet">Weight ${config[OWN_WEIGHT]}, added to ${others}.</span>
                <button @click=${() => void this.session.recipe.change(alone(config))}>
                  Let it judge alone
                </button>`
      }
    </div>`;
  }

  #outcome(): TemplateResult | typeof nothing {
    if (this.problem !== "") return faultLine({ message: this.problem });
    if (!this.test) return nothing;
    const { fault, tested, untested } = this.test;
    if (fault) return faultLine(fault);
    return html`<table>
      <caption>
        ${countLine(tested, untested)}
      </caption>
      <tbody>
        ${tested.map(row)}
      </tbody>
    </table>`;
  }

  /** A paused run that judges by another text can go on with this one. */
  #goOn(): TemplateResult | typeof nothing {
    const { run } = this.session.state;
    if (run?.state !== "paused" || run.id === undefined || !run.config) return nothing;
    if (!isOwnOn(run.config) || run.config[OWN_FUNCTION] === this.draft) return nothing;
    const { id } = run;
    return html`<gradus-notice tone="quiet">
      The paused run judges by another version of this function.
      <button
        slot="actions"
        @click=${() => void this.session.runs.resume(id, undefined, { [OWN_FUNCTION]: this.draft })}
      >
        Go on with this version
      </button>
    </gradus-notice>`;
  }

  /** The first that went wrong in the last test. */
  #faultShown(): RewardFault | undefined {
    return this.test?.fault ?? this.test?.tested.find(({ fault }) => fault !== undefined)?.fault;
  }

  #typed = (event: Event): void => {
    this.draft = (event.target as GradusCode).value;
    // What was said of another text would be said of the wrong lines.
    this.test = undefined;
    this.problem = "";
  };

  /** The template as it came is nobody's function. */
  #commit = (): void => {
    if (this.draft === this.#known || (this.#known === "" && this.draft === TEMPLATE)) return;
    // A function that is on cannot be empty; until there is a text again, the last one counts.
    if (this.draft.trim() === "" && isOwnOn(this.session.state.config)) return;
    this.#known = this.draft;
    void this.session.recipe.change({ [OWN_FUNCTION]: this.draft });
  };

  #turn = (event: Event): void => {
    const { config } = this.session.state;
    const isOn = (event.target as HTMLInputElement).checked;
    void this.session.recipe.change(isOn ? turnedOn(config, this.draft) : turnedOff(config));
    this.requestUpdate();
  };

  #try = (): Promise<void> =>
    this.#attempt(async () => {
      const code = this.draft;
      const test = await this.session.recipe.testReward(code);
      if (code === this.draft) this.test = test;
    });

  #chosen = async (event: Event): Promise<void> => {
    const input = event.target as HTMLInputElement;
    const [file] = input.files ?? [];
    // The same file may be chosen again, after a change on disk.
    input.value = "";
    if (!file) return;
    await this.#attempt(async () => {
      const code = await rewardText(file);
      this.test = undefined;
      await this.session.recipe.change(turnedOn(this.session.state.config, code));
    });
  };

  async #attempt(work: () => Promise<void>): Promise<void> {
    this.problem = "";
    this.isBusy = true;
    try {
      await work();
    } catch (error) {
      this.problem = messageOf(error);
    } finally {
      this.isBusy = false;
    }
  }
}

/** "Line 2, column 7: ..." */
const placed = ({ message, line, column }: RewardFault): string =>
  line === undefined
    ? `${message.charAt(0).toUpperCase()}${message.slice(1)}.`
    : `Line ${line}${column === undefined ? "" : `, column ${column}`}: ${message}.`;

/** "5 responses judged, 2 of them failed." */
function countLine(tested: readonly TestedResponse[], untested: number): string {
  const failed = tested.filter(({ fault }) => fault !== undefined).length;
  const parts = [
    `${plural(tested.length, "response")} judged`,
    ...(failed > 0 ? [`${failed} of them failed`] : []),
    ...(untested > 0 ? [`${untested} left out because those took long`] : []),
  ];
  return `${parts.join(", ")}.`;
}

const faultLine = (fault: RewardFault): TemplateResult =>
  html`<div class="fault">${icon("warning")}<span>${placed(fault)}</span></div>`;

const row = ({ name, response, groundTruth, score, fault }: TestedResponse): TemplateResult =>
  html`<tr>
    <th scope="row">
      ${name}<br /><span class="quiet">answer <span class="number">${groundTruth}</span></span>
    </th>
    <td class="response">
      <div class="text">${response.trim() === "" ? "(empty)" : response.trim()}</div>
      ${fault ? html`<div class="fault">${placed(fault)}</div>` : nothing}
    </td>
    <td class="score number ${score === undefined ? "failed" : ""}">
      ${score === undefined ? "failed" : formatNumber(score)}
    </td>
  </tr>`;

customElements.define("gradus-reward-editor", GradusRewardEditor);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-reward-editor": GradusRewardEditor;
  }
}
