// Draws learning curves as an SVG that reads in light and in dark: held-out accuracy on the left, response length on the
// right, one line a seed.

import type { Curve } from "./demo.ts";

const WIDTH = 360;
const HEIGHT = 220;
const MARGIN = { left: 44, right: 12, top: 28, bottom: 34 };
const COLOURS = ["#5646cf", "#0b8a82", "#c25a12", "#8a5a9e", "#5c5f6a"];

interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly most: number;
  readonly ticks: readonly number[];
  readonly value: (evaluation: Curve["evaluations"][number]) => number;
}

const PANELS: readonly Panel[] = [
  {
    title: "Held-out accuracy, greedy",
    unit: "%",
    most: 100,
    ticks: [0, 25, 50, 75, 100],
    value: ({ strict }) => 100 * strict.mean,
  },
  {
    title: "Response length",
    unit: "tokens",
    most: 24,
    ticks: [0, 6, 12, 18, 24],
    value: ({ responseLength }) => responseLength,
  },
];

/** Two panels side by side. */
export function curvesSvg(curves: readonly Curve[]): string {
  const panels = PANELS.map(
    (panel, i) => `<g transform="translate(${i * WIDTH} 0)">${panelSvg(panel, curves)}</g>`,
  );
  const style =
    "text{font:12px system-ui,sans-serif;fill:#5c5f6a}.title{font-weight:600}line{stroke:#8a8d98;stroke-opacity:.3}polyline{fill:none;stroke-width:1.75}" +
    "@media(prefers-color-scheme:dark){text{fill:#a3a6b2}}";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${2 * WIDTH} ${HEIGHT}" role="img" aria-label="Learning curves of the demo"><style>${style}</style>${panels.join("")}</svg>\n`;
}

function panelSvg({ title, unit, most, ticks, value }: Panel, curves: readonly Curve[]): string {
  const last = Math.max(...curves.flatMap(({ evaluations }) => evaluations.map(({ step }) => step)));
  const x = (step: number): string =>
    (MARGIN.left + ((WIDTH - MARGIN.left - MARGIN.right) * step) / last).toFixed(1);
  const y = (height: number): string =>
    (
      HEIGHT -
      MARGIN.bottom -
      ((HEIGHT - MARGIN.top - MARGIN.bottom) * Math.min(height, most)) / most
    ).toFixed(1);
  const grid = ticks.map(
    (tick) =>
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(tick)}" y2="${y(tick)}"/><text x="${MARGIN.left - 6}" y="${Number(y(tick)) + 4}" text-anchor="end">${tick}</text>`,
  );
  const steps = [0, last / 2, last].map(
    (step) =>
      `<text x="${x(step)}" y="${HEIGHT - 14}" text-anchor="${step === last ? "end" : "middle"}">${step === last ? `step ${step}` : step}</text>`,
  );
  const lines = curves.map(({ seed, evaluations }, i) => {
    const points = evaluations.map((evaluation) => `${x(evaluation.step)},${y(value(evaluation))}`).join(" ");
    return `<polyline stroke="${COLOURS[i % COLOURS.length]}" points="${points}"><title>seed ${seed}</title></polyline>`;
  });
  return `<text class="title" x="${MARGIN.left}" y="16">${title}, ${unit}</text>${grid.join("")}${steps.join("")}${lines.join("")}`;
}
