// A line without axes, as tall as a line or two of text: where a number came from at a glance. Values come in order; gaps
// are left out.

import { css, html, LitElement, nothing, svg, type TemplateResult } from "lit";

import type { Values } from "./chart-data.ts";
import { baseStyles } from "./styles.ts";

const WIDTH = 120;
const HEIGHT = 32;
/** Keeps the line's width inside the drawing. */
const MARGIN = 2;

export class GradusSparkline extends LitElement {
  static override properties = { values: { attribute: false }, label: {} };

  declare values: Values;
  declare label: string;

  static override styles = [
    baseStyles,
    css`
      svg {
        display: block;
        width: 100%;
        height: 32px;
        overflow: visible;
      }
      polyline {
        fill: none;
        stroke: var(--accent);
        stroke-width: 1.5;
        stroke-linecap: round;
        stroke-linejoin: round;
        vector-effect: non-scaling-stroke;
      }
    `,
  ];

  override render(): TemplateResult {
    const known = this.values.filter((value) => value !== null);
    return html`<svg
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      preserveAspectRatio="none"
      role="img"
      aria-label=${this.label}
    >
      ${known.length > 0 ? svg`<polyline points=${linePoints(known)} />` : nothing}
    </svg>`;
  }
}

/** Corners of the line over the whole drawing; one value alone is a level line. */
function linePoints(values: readonly number[]): string {
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const list = values.length === 1 ? [values[0]!, values[0]!] : values;
  return list
    .map((value, index) => {
      const x = MARGIN + (index / (list.length - 1)) * (WIDTH - 2 * MARGIN);
      const y = HEIGHT - MARGIN - ((value - low) / span) * (HEIGHT - 2 * MARGIN);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(" ");
}

customElements.define("gradus-sparkline", GradusSparkline);

declare global {
  interface HTMLElementTagNameMap {
    "gradus-sparkline": GradusSparkline;
  }
}
