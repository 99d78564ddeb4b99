// A progress bar with its name, how far it is, and the time left. Draws what it is given; without a total it says only
// that something goes on.

import { css, html, LitElement, type TemplateResult } from "lit";

import { formatDuration } from "./format.ts";
import { baseStyles } from "./styles.ts";

export class GradusProgress extends LitElement {
  static override properties = {
    label: {},
    done: { type: Number },
    total: { type: Number },
    secondsLeft: { type: Number, attribute: "seconds-left" },
    detail: {},
  };

  declare label: string;
  declare done: number;
  /** 0 while it is not known. */
  declare total: number;
  declare secondsLeft: number | undefined;
  /** Such as "12 of 30 MiB"; the share in percent by default. */
  declare detail: string | undefined;

  static override styles = [
    baseStyles,
    css`
      .words {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 0 12px;
        color: var(--text-quiet);
        font-size: var(--size-12);
        line-height: 20px;
      }
      .label {
        color: var(--text);
      }
      .track {
        height: 4px;
        margin-top: 4px;
        overflow: hidden;
        border-radius: 2px;
        background: var(--line);
      }
      .bar {
        height: 100%;
        border-radius: 2px;
        background: var(--accent);
        transform-origin: left;
        transition: transform 0.2s ease-out;
      }
      .waiting .bar {
        width: 30%;
        animation: wander 1.6s ease-in-out infinite alternate;
      }
      @keyframes wander {
        to {
          transform: translateX(233%);
        }
      }
    `,
  ];

  constructor() {
    super();
    this.label = "";
    this.done = 0;
    this.total = 0;
  }

  override render(): TemplateResult {
    const isKnown = this.total > 0;
    const share = isKnown ? Math.min(1, Math.max(0, this.done / this.total)) : 0;
    const percent = Math.floor(share * 100);
    return html`
      <div class="words">
        <span class="label">${this.label}</span>
        <span class="number">${this.#detail(isKnown, percent)}</span>
      </div>
      <div
        class="track ${isKnown ? "" : "waiting"}"
        role="progressbar"
        aria-label=${this.label}
        aria-valuemin="0"
        aria-valuemax="100"
        aria-valuenow=${isKnown ? percent : 0}
        aria-valuetext=${isKnown ? `${percent} %` : "under way"}
      >
        <div class="bar" style=${isKnown ? `transform: scaleX(${share})` : ""}></div>
      </div>
    `;
  }

  #detail(isKnown: boolean, percent: number): string {
    const left = this.secondsLeft === undefined ? "" : `${formatDuration(this.secondsLeft)} left`;
    const how = this.detail ?? (isKnown ? `${percent} %` : "");
    return [how, left].filter(Boolean).join(", ");
  }
}

customElements.define("gradus-progress", GradusProgress);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-progress": GradusProgress;
  }
}
