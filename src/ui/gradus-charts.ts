// The charts of a run as small multiples on one step axis: they share a crosshair and a smoothing. Which charts there are,
// and what they show, is in rl/metrics.ts.

import { css, html, LitElement, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";

import "./gradus-chart.ts";
import { chartModel, type ChartModel, chartsOf, modeOf, rowsOf } from "./chart-data.ts";
import { type Health, healthOf } from "./health.ts";
import type { RunView } from "./run-view.ts";
import { baseStyles } from "./styles.ts";

/** Steps to assume while the configuration is not there. */
const UNKNOWN_STEPS = 10;

interface Drawn {
  readonly model: ChartModel;
  readonly health: Health | undefined;
}

export class GradusCharts extends LitElement {
  static override properties = { run: { attribute: false }, smoothing: { state: true } };

  declare run: RunView;
  /** From 0, as measured, to 0.95. */
  declare smoothing: number;
  #drawn: readonly Drawn[] = [];

  static override styles = [
    baseStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        gap: 8px;
        min-height: 0;
        container-type: inline-size;
      }
      header {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: 16px;
        min-height: 32px;
      }
      h2 {
        font-size: var(--size-15);
        font-weight: 600;
        line-height: 24px;
      }
      .health {
        flex: 1;
        color: var(--text-quiet);
        font-size: var(--size-12);
        line-height: 16px;
        text-wrap: pretty;
      }
      .look {
        color: var(--warning);
      }
      label {
        display: flex;
        align-items: center;
        gap: 8px;
        color: var(--text-quiet);
        font-size: var(--size-12);
      }
      input {
        width: 96px;
        accent-color: var(--accent);
      }
      output {
        min-width: 4ch;
      }
      .charts {
        flex: 1;
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(204px, 1fr));
        grid-auto-rows: minmax(136px, 220px);
        gap: 12px 20px;
        min-height: 0;
      }
      .few {
        grid-template-columns: repeat(auto-fill, minmax(280px, 1fr));
        grid-auto-rows: minmax(136px, 260px);
      }
      /* Four rows of them still fit on one screen. */
      .many {
        --plot-height: 64px;
        grid-auto-rows: minmax(104px, 220px);
        row-gap: 8px;
      }
      @container (max-width: 440px) {
        .charts {
          --plot-height: 84px;
          grid-template-columns: repeat(2, minmax(0, 1fr));
          gap: 16px 12px;
        }
        header {
          flex-wrap: wrap;
        }
        .health {
          flex-basis: 100%;
          order: 1;
        }
      }
    `,
  ];

  constructor() {
    super();
    this.smoothing = 0;
  }

  /** Charts are made anew only when the numbers in them are new: most changes of a run are tokens. */
  override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("run");
    const { history, evaluations, config } = this.run;
    const isNew =
      !this.hasUpdated ||
      changed.has("smoothing") ||
      (before !== undefined &&
        (before.history !== history || before.evaluations !== evaluations || before.config !== config));
    if (!isNew) return;
    const rows = rowsOf(history, evaluations);
    const mode = modeOf(config?.["gradus.mode"]);
    const total = config?.["trainer.total_training_steps"] ?? UNKNOWN_STEPS;
    this.#drawn = chartsOf(mode, rows).map(({ id }) => ({
      model: chartModel(id, rows, total, this.smoothing),
      health: healthOf(id, rows, evaluations),
    }));
  }

  override render(): TemplateResult {
    return html`
      <header>
        <h2>Charts</h2>
        ${this.#health()}
        <label>
          Smoothing
          <input
            type="range"
            min="0"
            max="0.95"
            step="0.05"
            .valueAsNumber=${this.smoothing}
            @input=${this.#onSmoothing}
          />
          <output class="number">${this.smoothing.toFixed(2)}</output>
        </label>
      </header>
      <div class="charts ${sizeOf(this.#drawn.length)}">
        ${repeat(
          this.#drawn,
          ({ model }) => model.id,
          ({ model, health }) => html`<gradus-chart .model=${model} .health=${health}></gradus-chart>`,
        )}
      </div>
    `;
  }

  /** The first thing to look at, or that there is none. */
  #health(): TemplateResult {
    const told = this.#drawn.filter(({ health }) => health !== undefined);
    if (told.length === 0) return html`<p class="health">Values come with the first step</p>`;
    const first = told.find(({ health }) => !health!.isFine);
    return first
      ? html`<p class="health look">${first.model.label}: ${first.health!.why}</p>`
      : html`<p class="health">All of them look fine</p>`;
  }

  #onSmoothing = (event: Event): void => {
    this.smoothing = (event.target as HTMLInputElement).valueAsNumber;
  };
}

const sizeOf = (count: number): string => (count > 9 ? "many" : count > 6 ? "" : "few");

customElements.define("gradus-charts", GradusCharts);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-charts": GradusCharts;
  }
}
