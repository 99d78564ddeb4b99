// One response of the group: while it is written its text, then with reward, advantage, length and tinted tokens. Tells
// which token is pointed at, by mouse or by arrow keys.

import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";

import type { LiveResponse, ScoredPart, ScoredResponse, ScoredToken } from "../worker/api.ts";
import { formatNumber, plural } from "./format.ts";
import { icon } from "./icons.ts";
import { baseStyles } from "./styles.ts";
import { signed, type Tint, tintColour, tintStrength } from "./token-colours.ts";

/** A token is pointed at, or none any more. */
export class TokenEvent extends Event {
  readonly token: ScoredToken | undefined;

  constructor(token: ScoredToken | undefined) {
    super("token", { bubbles: true, composed: true });
    this.token = token;
  }
}

export class GradusResponse extends LitElement {
  static override properties = {
    live: { attribute: false },
    scored: { attribute: false },
    tint: {},
    scale: { attribute: false },
    reach: { attribute: false },
    pointedAt: { state: true },
  };

  declare live: LiveResponse | undefined;
  declare scored: ScoredResponse | undefined;
  declare tint: Tint;
  /** The value of the tint that is drawn at full strength. */
  declare scale: number;
  /** The advantage that fills the bar. */
  declare reach: number;
  /** Position of the token pointed at. */
  declare pointedAt: number | undefined;

  static override styles = [
    baseStyles,
    css`
      :host {
        padding: 5px 12px;
        border-top: 1px solid var(--line);
      }
      .facts {
        display: grid;
        grid-template-columns: 112px minmax(0, 1fr) auto;
        gap: 12px;
        align-items: center;
        height: 20px;
        color: var(--text-quiet);
        font-size: var(--size-12);
        line-height: 20px;
        white-space: nowrap;
      }
      .verdict {
        display: flex;
        align-items: center;
        gap: 4px;
      }
      .verdict.right {
        color: var(--positive);
      }
      .advantage {
        display: flex;
        align-items: center;
        gap: 8px;
      }
      .advantage .number {
        min-width: 6ch;
        text-align: end;
      }
      .track {
        position: relative;
        flex: 1;
        max-width: 120px;
        height: 8px;
        border-radius: 2px;
        background: var(--sunken);
      }
      .track::after {
        content: "";
        position: absolute;
        inset: -2px auto -2px 50%;
        width: 1px;
        background: var(--line-strong);
      }
      .fill {
        position: absolute;
        inset: 0 auto 0 50%;
        width: 50%;
        border-radius: 0 2px 2px 0;
        background: var(--positive);
        transform-origin: left;
      }
      .fill.below {
        inset: 0 50% 0 auto;
        border-radius: 2px 0 0 2px;
        background: var(--negative);
        transform-origin: right;
      }
      .parts {
        display: flex;
        flex-wrap: wrap;
        gap: 0 12px;
        padding-bottom: 2px;
        color: var(--text-quiet);
        font-size: var(--size-12);
        line-height: 18px;
      }
      .text {
        min-height: 18px;
        border-radius: 2px;
        font: var(--size-12) / 18px var(--mono);
        overflow-wrap: anywhere;
      }
      .token {
        padding: 1px 0;
      }
      .token,
      .written {
        white-space: pre-wrap;
      }
      .token.pointed {
        outline: 1.5px solid var(--text);
      }
      .caret {
        display: inline-block;
        width: 6px;
        height: 12px;
        margin-inline-start: 2px;
        background: var(--accent);
        vertical-align: -1px;
        animation: blink 1s steps(2, jump-none) infinite;
      }
      @keyframes blink {
        to {
          opacity: 0.2;
        }
      }
    `,
  ];

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("scored")) this.pointedAt = undefined;
  }

  override render(): TemplateResult {
    const { live, scored } = this;
    const length = scored?.tokens.length ?? live?.length ?? 0;
    return html`
      <div class="facts">
        ${scored ? this.#verdict(scored) : html`<span>${live?.isFinished ? "written" : "writing"}</span>`}
        ${scored ? this.#advantage(scored.advantage) : html`<span></span>`}
        <span class="number">${length} tok</span>
      </div>
      ${scored && scored.parts.length > 1 ? partsLine(scored.parts) : nothing}
      ${scored ? this.#tokens(scored) : this.#writing(live)}
    `;
  }

  #verdict({ reward, verdict, isStrict, isFlexible, isTruncated }: ScoredResponse): TemplateResult {
    const reason =
      verdict ??
      (isStrict ? "right" : isTruncated ? "cut" : isFlexible ? "right number, wrong form" : "wrong");
    return html`<span class=${isStrict ? "verdict right" : "verdict"} title=${reason}>
      ${icon(isStrict ? "check" : "close")}<span class="hidden">${reason}, </span>reward
      <span class="number">${formatNumber(reward)}</span>
    </span>`;
  }

  #advantage(advantage: number): TemplateResult {
    const size = Math.min(1, Math.abs(advantage) / this.reach);
    return html`<span class="advantage" title="advantage ${signed(advantage)}">
      <span class="track"
        ><span
          class=${advantage < 0 ? "fill below" : "fill"}
          style="transform: scaleX(${size.toFixed(3)})"
        ></span
      ></span>
      <span class="number"><span class="hidden">advantage </span>${signed(advantage)}</span>
    </span>`;
  }

  #writing(live: LiveResponse | undefined): TemplateResult {
    return html`<div class="text">
      <span class="written">${live?.text ?? ""}</span
      >${live?.isFinished ? nothing : html`<span class="caret"></span>`}
    </div>`;
  }

  #tokens({ tokens }: ScoredResponse): TemplateResult {
    return html`<div
      class="text"
      role="group"
      tabindex="0"
      aria-label="Response of ${plural(tokens.length, "token")}; arrow keys go through them"
      @keydown=${this.#onKey}
      @pointerover=${this.#onPointer}
      @pointerleave=${() => this.#point(undefined)}
      @blur=${() => this.#point(undefined)}
    >
      ${tokens.map((token, index) => this.#token(token, index))}
    </div>`;
  }

  #token(token: ScoredToken, index: number): TemplateResult {
    const colour = tintColour(tintStrength(token, this.tint, this.scale), this.tint);
    const name = index === this.pointedAt ? "token pointed" : "token";
    return html`<span class=${name} data-index=${index} style="background: ${colour}">${token.text}</span>`;
  }

  #point(index: number | undefined): void {
    if (index === this.pointedAt) return;
    this.pointedAt = index;
    this.dispatchEvent(new TokenEvent(index === undefined ? undefined : this.scored?.tokens[index]));
  }

  #onPointer = (event: Event): void => {
    const index = (event.target as HTMLElement).dataset["index"];
    if (index !== undefined) this.#point(Number(index));
  };

  #onKey = (event: KeyboardEvent): void => {
    const last = (this.scored?.tokens.length ?? 0) - 1;
    const from = this.pointedAt ?? -1;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#point(Math.max(0, Math.min(last, to)));
  };
}

/** What each of several rewards gave, before its weight. */
const partsLine = (parts: readonly ScoredPart[]): TemplateResult =>
  html`<div class="parts">
    ${parts.map(({ label, score }) => html`<span>${label} <span class="number">${formatNumber(score)}</span></span>`)}
  </div>`;

customElements.define("gradus-response", GradusResponse);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-response": GradusResponse;
  }
  interface HTMLElementEventMap {
    token: TokenEvent;
  }
}
