// The group on show: one prompt and its responses as they are written, then sorted by reward. The last scored group stays
// until the next has words to show, and as long as the person holds it.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";

import "./gradus-response.ts";
import "./gradus-switch.ts";
import type { ScoredToken } from "../worker/api.ts";
import { glide, placesIn } from "./glide.ts";
import type { TokenEvent } from "./gradus-response.ts";
import type { LiveGroup, RunView } from "./run-view.ts";
import { baseStyles, buttonStyles } from "./styles.ts";
import { type Tint, tintScale, TINTS, tokenText } from "./token-colours.ts";

export class GradusGroup extends LitElement {
  static override properties = {
    run: { attribute: false },
    tint: { state: true },
    held: { state: true },
    token: { state: true },
  };

  declare run: RunView;
  declare tint: Tint;
  /** Stays on show whatever comes. */
  declare held: LiveGroup | undefined;
  /** The token pointed at. */
  declare token: ScoredToken | undefined;
  /** Of the responses, before an update. */
  #places: ReadonlyMap<string, number> = new Map();

  static override styles = [
    baseStyles,
    buttonStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
      }
      .prompt {
        padding: 0 12px 12px;
        font-size: var(--size-13);
        line-height: 20px;
      }
      .question {
        min-height: 40px;
        text-wrap: pretty;
      }
      .head {
        display: flex;
        align-items: center;
        gap: 8px;
        min-height: 28px;
        color: var(--text-quiet);
        font-size: var(--size-12);
      }
      .head button {
        min-height: 24px;
        margin-inline: auto -4px;
        padding: 0 8px;
        font-size: var(--size-12);
      }
      .answer {
        color: var(--text);
      }
      .list {
        position: relative;
        flex: 1;
        min-height: 0;
        overflow-y: auto;
      }
      ol {
        margin: 0;
        padding: 0;
        list-style: none;
      }
      .foot {
        display: flex;
        flex-direction: column;
        gap: 4px;
        padding: 8px 12px;
        border-top: 1px solid var(--line);
        font-size: var(--size-12);
        line-height: 16px;
      }
      .told {
        min-height: 32px;
        color: var(--text-quiet);
        overflow-wrap: anywhere;
      }
      .empty {
        padding: 12px;
        color: var(--text-quiet);
        font-size: var(--size-13);
      }
    `,
  ];

  constructor() {
    super();
    this.tint = "advantage";
  }

  override willUpdate(): void {
    this.#places = placesIn(this.renderRoot.querySelector("ol"));
  }

  override updated(): void {
    glide(this.renderRoot.querySelector("ol"), this.#places);
  }

  override render(): TemplateResult {
    const group = this.#shown();
    if (!group)
      return html`<p class="empty">
        Each step shows one problem here, with its responses as they are written and what they earned.
      </p>`;
    return html`
      <div
        class="list"
        role="region"
        tabindex="0"
        aria-label="Problem of step ${group.step} with its responses"
        @token=${this.#onToken}
      >
        <div class="prompt">
          <div class="head">
            <span>Problem of step <span class="number">${group.step}</span></span>
            ${group.groundTruth && html`<span>answer <span class="number answer">${group.groundTruth}</span></span>`}
            ${this.#holder(group)}
          </div>
          <div class="question">${group.question}</div>
        </div>
        ${this.#responses(group)}
      </div>
      ${this.#foot()}
    `;
  }

  #shown(): LiveGroup | undefined {
    const { group, scoredGroup } = this.run;
    if (this.held) return this.held;
    const isWritten = group?.scored || group?.responses.some(({ text }) => text !== "");
    return isWritten ? group : (scoredGroup ?? group);
  }

  #holder(group: LiveGroup): TemplateResult | typeof nothing {
    if (!group.scored && !this.held) return nothing;
    return html`<button
      class="plain"
      aria-pressed=${this.held !== undefined}
      title="Keep this group on show while training goes on"
      @click=${() => (this.held = this.held ? undefined : group)}
    >
      ${this.held ? "Held, follow again" : "Hold"}
    </button>`;
  }

  #responses({ responses, scored, samples, step }: LiveGroup): TemplateResult {
    const reach = Math.max(1, ...(scored ?? []).map(({ advantage }) => Math.abs(advantage)));
    const tokens = (scored ?? []).flatMap((response) => response.tokens);
    const scale = tintScale(tokens, this.tint);
    const order = Array.from({ length: scored?.length ?? samples }, (_, index) => index);
    if (scored)
      order.sort(
        (a, b) => scored[b]!.reward - scored[a]!.reward || scored[b]!.advantage - scored[a]!.advantage,
      );
    return html`<ol>
      ${repeat(
        order,
        (index) => `${step}/${index}`,
        (index) =>
          html`<li data-key="${step}/${index}">
            <gradus-response
              .live=${responses[index]}
              .scored=${scored?.[index]}
              .tint=${this.tint}
              .scale=${scale}
              .reach=${reach}
            ></gradus-response>
          </li>`,
      )}
    </ol>`;
  }

  /** The tint, and what the token pointed at says; the scale in words where none is. */
  #foot(): TemplateResult {
    const { low, high } = TINTS.find(({ id }) => id === this.tint)!;
    return html`<div class="foot">
      <gradus-switch
        label="Tint tokens by"
        .options=${TINTS}
        .value=${this.tint}
        @change=${this.#onTint}
      ></gradus-switch>
      <div class="told" role="status">
        ${this.token ? html`<span class="number">${tokenText(this.token)}</span>` : `Tint: ${low} to ${high}. Point at a token for its numbers.`}
      </div>
    </div>`;
  }

  #onTint = (event: Event): void => {
    this.tint = (event.target as HTMLElement & { value: Tint }).value;
  };

  #onToken = (event: TokenEvent): void => {
    this.token = event.token;
  };
}

customElements.define("gradus-group", GradusGroup);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-group": GradusGroup;
  }
}
