// One small chart: its name with a gloss, a health mark, the values at the crosshair or the newest, the plot, and the same
// numbers as a table for those who do not see it. How it is painted is in plot.ts.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult, unsafeCSS } from "lit";
import uPlot from "uplot";
import plotStyles from "uplot/dist/uPlot.min.css?inline";

import type { ChartModel } from "./chart-data.ts";
import { isLong, lastOf, metricText, shortText, spreadOver, valueAt } from "./chart-data.ts";
import { chartStyles } from "./chart-styles.ts";
import type { Health } from "./health.ts";
import { LINE_COLOURS, plotData, plotOptions, pointTo } from "./plot.ts";
import { baseStyles } from "./styles.ts";
import { resolvedColours, ThemeController } from "./theme-controller.ts";

/** Rows of the table that stands for the plot. */
const TABLE_ROWS = 12;

export class GradusChart extends LitElement {
  static override properties = {
    model: { attribute: false },
    health: { attribute: false },
    points: { type: Number, reflect: true },
    pointedAt: { state: true },
  };

  declare model: ChartModel;
  declare health: Health | undefined;
  /** Steps with a value that are drawn. */
  declare points: number;
  /** Position of `model.steps` under the crosshair. */
  declare pointedAt: number | undefined;

  #plot: uPlot | undefined;
  readonly #resized = new ResizeObserver(() => this.#fit());

  static override styles = [unsafeCSS(plotStyles), baseStyles, chartStyles];

  constructor() {
    super();
    this.points = 0;
    new ThemeController(this, () => this.#redraw());
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#redraw();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("model")) this.points = this.model.points;
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has("model")) this.#redraw();
  }

  override render(): TemplateResult {
    const { model, pointedAt, health } = this;
    return html`<figure aria-labelledby="name">
      <h3 id="name">
        ${model.label}
        ${health ? html`<span class=${health.isFine ? "mark" : "mark look"}>${health.isFine ? nothing : "look here"}</span>` : nothing}
      </h3>
      <div class=${isLong(model) ? "values long" : "values"} aria-hidden="true">
        ${model.series.map((_, index) => this.#value(index))}
      </div>
      <div
        class=${pointedAt === undefined ? "plot" : "plot pointed"}
        role="img"
        tabindex="0"
        aria-label=${this.#summary()}
        @keydown=${this.#onKey}
        @blur=${() => this.#point(undefined)}
        @pointerenter=${() => this.#plot?.syncRect(true)}
      >
        ${model.points === 0 ? html`<span class="none"></span>` : nothing}
      </div>
      <div class="gloss" aria-hidden="true">
        ${this.#glosses().map((text) => html`<p>${text}</p>`)}
        ${health ? html`<p class=${health.isFine ? "quiet" : ""}>${health.why}</p>` : nothing}
      </div>
      ${this.#table()}
    </figure>`;
  }

  #value(index: number): TemplateResult {
    const { series } = this.model;
    const { values, metric, name } = series[index]!;
    const isAlone = series.length === 1;
    const value = valueAt(values, this.pointedAt ?? values.length - 1);
    const text = value === undefined ? "" : isAlone ? metricText(value, metric) : shortText(value, metric);
    const colour = LINE_COLOURS[index % LINE_COLOURS.length]!;
    return html`<span>
      ${isAlone ? nothing : html`<span class="swatch" style="color: var(${colour})"></span>`}${name ? `${name} ` : nothing}
      <span class="number">${text}</span>
    </span>`;
  }

  /** One sentence per line; the line's name before it where there are several. */
  #glosses(): string[] {
    const { series } = this.model;
    return series.map(({ metric }) =>
      series.length > 1 ? `${metric.label}: ${metric.description}` : metric.description,
    );
  }

  #summary(): string {
    const { label, series, steps } = this.model;
    const lasts = series.map(({ metric, values }) => {
      const last = lastOf(steps, values);
      return last ? `${metric.label} ${metricText(last.value, metric)} at step ${last.step}` : "";
    });
    const health = this.health
      ? `${this.health.isFine ? "Looks fine" : "Look here"}: ${this.health.why}`
      : "";
    return [`${label}:`, lasts.join(", ") || "no values yet", health].filter(Boolean).join(" ");
  }

  #table(): TemplateResult | typeof nothing {
    const { label, steps, series } = this.model;
    if (series.length === 0) return nothing;
    const cell = (row: number, index: number): string => {
      const value = series[index]!.values[row];
      return value === null || value === undefined ? "none" : metricText(value, series[index]!.metric);
    };
    return html`<div class="hidden">
      <table>
        <caption>
          ${label}
        </caption>
        <tr>
          <th scope="col">Step</th>
          ${series.map(({ metric }) => html`<th scope="col">${metric.label}</th>`)}
        </tr>
        ${spreadOver(steps.length, TABLE_ROWS).map(
          (row) =>
            html`<tr>
              <th scope="row">${steps[row]}</th>
              ${series.map((_, index) => html`<td>${cell(row, index)}</td>`)}
            </tr>`,
        )}
      </table>
    </div>`;
  }

  #redraw(): void {
    const area = this.renderRoot.querySelector<HTMLElement>(".plot");
    if (!area || !this.isConnected) return;
    const [grid, text, ...lines] = resolvedColours(this, ["--line", "--text-quiet", ...LINE_COLOURS]);
    const colours = { grid: grid!, text: text!, lines };
    const step = this.pointedAt === undefined ? undefined : this.model.steps[this.pointedAt];
    this.#plot?.destroy();
    this.#plot = undefined;
    this.#resized.observe(area);
    if (this.model.points === 0 || area.clientWidth === 0) return;
    const size = { width: area.clientWidth, height: area.clientHeight };
    const options = plotOptions(this.model, colours, size, (plot) => this.#pointed(plot));
    this.#plot = new uPlot(options, plotData(this.model, colours), area);
    if (step !== undefined) this.#plot.setCursor({ left: this.#plot.valToPos(step, "x"), top: 0 });
  }

  #fit(): void {
    const area = this.renderRoot.querySelector<HTMLElement>(".plot")!;
    if (!this.#plot) this.#redraw();
    else this.#plot.setSize({ width: area.clientWidth, height: area.clientHeight });
  }

  #pointed(plot: uPlot): void {
    const index = plot.cursor.idx ?? undefined;
    this.pointedAt = index;
    const line = plot.root.querySelector<HTMLElement>(".u-cursor-x");
    if (line && index !== undefined) line.dataset["step"] = String(this.model.steps[index] ?? "");
  }

  /** Moves the crosshair of all charts to a position, or away. */
  #point(index: number | undefined): void {
    const step = index === undefined ? undefined : this.model.steps[index];
    if (this.#plot) pointTo(this.#plot, step);
  }

  #onKey = (event: KeyboardEvent): void => {
    const last = this.model.steps.length - 1;
    const from = this.pointedAt ?? last + 1;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }[event.key];
    if (event.key === "Escape") this.#point(undefined);
    if (to === undefined) return;
    event.preventDefault();
    this.#point(Math.max(0, Math.min(last, to)));
  };
}

customElements.define("gradus-chart", GradusChart);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-chart": GradusChart;
  }
}
