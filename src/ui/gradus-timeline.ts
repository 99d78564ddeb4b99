// Where a run is: the step of so many with the time left, and below it one strip of the step's parts, so that waiting has a
// reason. What the parts are is in step-segments.ts.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";

import { formatDuration, formatNumber } from "./format.ts";
import type { Progress, RunView } from "./run-view.ts";
import { doneOf, PHASE_LABELS, type Segment, segmentsOf } from "./step-segments.ts";
import { baseStyles } from "./styles.ts";

export class GradusTimeline extends LitElement {
  static override properties = { run: { attribute: false } };

  declare run: RunView;

  static override styles = [
    baseStyles,
    css`
      .words {
        display: flex;
        flex-wrap: wrap;
        gap: 0 12px;
        align-items: baseline;
        font-size: var(--size-13);
        line-height: 20px;
      }
      .left {
        margin-inline-start: auto;
        color: var(--text-quiet);
      }
      .strip {
        display: flex;
        gap: 2px;
        margin-top: 6px;
      }
      .part {
        min-width: 0;
        color: var(--text-quiet);
        font-size: var(--size-12);
        line-height: 16px;
        white-space: nowrap;
        transition: flex-grow 0.4s ease-out;
      }
      .part.now {
        color: var(--text);
      }
      .bar {
        height: 6px;
        margin-bottom: 4px;
        overflow: hidden;
        background: var(--line);
      }
      .part:first-child .bar {
        border-radius: 3px 0 0 3px;
      }
      .part:last-child .bar {
        border-radius: 0 3px 3px 0;
      }
      .fill {
        height: 100%;
        background: var(--accent);
        transform-origin: left;
      }
      /* One line: seconds that find no room beside the name fall below it, out of sight. */
      .label {
        display: flex;
        flex-wrap: wrap;
        gap: 0 4px;
        height: 16px;
        overflow: hidden;
      }
    `,
  ];

  override render(): TemplateResult {
    const { progress } = this.run;
    const left = runSecondsLeft(progress);
    return html`
      <div class="words">
        <span>${this.#now()}</span>
        ${left === undefined ? nothing : html`<span class="left">about <span class="number">${formatDuration(left)}</span> left in all</span>`}
      </div>
      <div
        class="strip"
        role="progressbar"
        aria-label=${progress ? `${PHASE_LABELS[progress.phase]}, step ${progress.step}` : "Step"}
        aria-valuemin="0"
        aria-valuemax="100"
        aria-valuenow=${Math.round(100 * doneOf(progress))}
      >
        ${repeat(segmentsOf(this.run), ({ phase }) => phase, partOf)}
      </div>
    `;
  }

  /** The phase in words, with the time it still takes. */
  #now(): TemplateResult | string {
    const { progress, state, lastCheckpoint } = this.run;
    if (progress) {
      const { phase, secondsLeft } = progress;
      const left = secondsLeft === undefined ? "" : `, ${formatDuration(secondsLeft)} left`;
      return html`${PHASE_LABELS[phase]} <span class="number">${Math.round(100 * doneOf(progress))} %</span
        ><span class="quiet">${left}</span>`;
    }
    if (state === "loading") return "Putting the model on the device";
    return lastCheckpoint ? `Saved at step ${lastCheckpoint.step}` : "";
  }
}

/** Of the whole run, and no less than of its last part; undefined where nothing, or no time worth telling, is known. */
function runSecondsLeft(progress: Progress | undefined): number | undefined {
  if (progress?.runSecondsLeft === undefined) return undefined;
  const seconds = Math.max(progress.runSecondsLeft, progress.secondsLeft ?? 0);
  return seconds < 1 ? undefined : seconds;
}

const partOf = ({ label, seconds, share, done, isNow }: Segment): TemplateResult => html`
  <div class=${isNow ? "part now" : "part"} style="flex: ${share.toFixed(3)} 1 0">
    <div class="bar"><div class="fill" style="transform: scaleX(${done.toFixed(3)})"></div></div>
    <span class="label"
      ><span>${label}</span
      >${seconds === undefined ? nothing : html`<span class="number">${formatNumber(Number(seconds.toFixed(1)))} s</span>`}</span
    >
  </div>
`;

customElements.define("gradus-timeline", GradusTimeline);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-timeline": GradusTimeline;
  }
}
