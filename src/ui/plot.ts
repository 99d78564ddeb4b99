// How one small chart is drawn with uPlot: from a chart model, colours and a size to its options and data. Knows no element;
// what is said about a chart in words is in gradus-chart.ts.

import type uPlot from "uplot";

import type { ChartModel, Values } from "./chart-data.ts";
import { valueAxis } from "./chart-data.ts";
import { formatNumber } from "./format.ts";

export interface PlotColours {
  /** One per line, in their order. */
  readonly lines: readonly string[];
  readonly grid: string;
  readonly text: string;
}

/** Custom properties of the lines, in their order: the main one, a quiet one beside it, a third. */
export const LINE_COLOURS = ["--series-1", "--series-6", "--series-2"] as const;
const AXIS_FONT = "12px system-ui, sans-serif";
/** CSS pixels. */
const LINE_WIDTH = 1.5;
const VALUE_GUTTER = 48;
const STEP_GUTTER = 20;
/** Up to this many values a line has its points marked. */
const MARKED_POINTS = 16;
/** Crosshairs of charts with one key move together. */
const SYNC = "gradus-run";

interface Column {
  readonly values: Values;
  readonly series: uPlot.Series;
}

/** Columns in the order they are painted: interval, unsmoothed lines, lines, the main one last. */
function columnsOf(model: ChartModel, colours: PlotColours): Column[] {
  const colour = (index: number): string => colours.lines[index % colours.lines.length]!;
  const bare: uPlot.Series = { width: 0, spanGaps: true, points: { show: false } };
  const interval = model.band ? [model.band.high, model.band.low] : [];
  const raws = model.series.flatMap(({ raw }, index): Column[] =>
    raw ? [{ values: raw, series: { ...bare, stroke: colour(index), width: LINE_WIDTH, alpha: 0.25 } }] : [],
  );
  const lines = model.series.map(({ values }, index): Column => ({
    values,
    series: lineOf(values, colour(index), index),
  }));
  return [
    ...interval.map((values): Column => ({ values, series: bare })),
    ...raws.toReversed(),
    ...lines.toReversed(),
  ];
}

const lineOf = (values: Values, colour: string, index: number): uPlot.Series => ({
  stroke: colour,
  width: LINE_WIDTH,
  spanGaps: true,
  ...(index === 2 && { dash: [4, 3] }),
  points: {
    show: values.filter((value) => value !== null).length <= MARKED_POINTS,
    size: 5,
    width: 0,
    fill: colour,
  },
});

/** Steps and columns as uPlot reads them. */
export const plotData = (model: ChartModel, colours: PlotColours): uPlot.AlignedData => [
  [...model.steps],
  ...columnsOf(model, colours).map(({ values }) => [...values]),
];

/** From where to where the values go, over all lines and the interval. */
function plotRange({ series, band }: ChartModel): readonly [low: number, high: number] {
  const isShare = series.every(({ metric }) => metric.isShare);
  const values = series.flatMap(({ values: line, raw }) => [...line, ...(raw ?? [])]);
  return valueAxis([...values, ...(band?.high ?? [])], isShare);
}

/** Options for `model` at a size in CSS pixels; `pointed` hears which position of `steps` the crosshair is on. */
export function plotOptions(
  model: ChartModel,
  colours: PlotColours,
  size: { readonly width: number; readonly height: number },
  pointed: (plot: uPlot) => void,
): uPlot.Options {
  const [low, high] = plotRange(model);
  const columns = columnsOf(model, colours);
  const isShare = model.series.every(({ metric }) => metric.isShare);
  const text = (value: number): string => (isShare ? `${formatNumber(100 * value)} %` : tickText(value));
  const axis: uPlot.Axis = {
    stroke: colours.text,
    font: AXIS_FONT,
    grid: { stroke: colours.grid, width: 1 },
    ticks: { show: false },
    gap: 4,
  };
  return {
    ...size,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    scales: { x: { time: false, range: [0, model.end] }, y: { range: [low, high] } },
    axes: [
      { ...axis, size: STEP_GUTTER, grid: { show: false }, splits: () => stepMarks(model.end) },
      {
        ...axis,
        size: VALUE_GUTTER,
        splits: () => valueMarks(low, high),
        values: (_, splits) => splits.map(text),
      },
    ],
    series: [{}, ...columns.map(({ series }) => series)],
    ...(model.band && {
      bands: [{ series: [1, 2], fill: faint(colours.lines[0]!) }],
    }),
    cursor: {
      y: false,
      drag: { x: false, y: false, setScale: false },
      sync: { key: SYNC, scales: ["x", null], setSeries: false },
      move: (plot, left, top) => [snapped(plot, left), top],
      points: { show: false },
    },
    hooks: { setCursor: [pointed] },
  };
}

/** Both ends and the middle; around 0 the ends and 0, without an end so near to it that their numbers would touch. */
export function valueMarks(low: number, high: number): number[] {
  if (low >= 0 || high <= 0) return [low, (low + high) / 2, high];
  return [low, 0, high].filter((mark) => mark === 0 || Math.abs(mark) > (high - low) / 4);
}

/** As short as the room beside the plot asks: 3e-8, -1e4. */
export const tickText = (value: number): string =>
  (Math.abs(value) >= 1e4 ? value.toExponential(1).replace("e+", "e") : formatNumber(value)).replace(
    ".0e",
    "e",
  );

/** Start, middle and end of the step axis, where these are whole. */
const stepMarks = (end: number): number[] => (end % 2 === 0 ? [0, end / 2, end] : [0, end]);

/** The place of the step that is nearest to `left`; away from the plot it stays away. */
function snapped(plot: uPlot, left: number): number {
  if (left < 0) return left;
  const step = plot.data[0][plot.posToIdx(left)];
  return step === undefined ? left : plot.valToPos(step, "x");
}

/** An `rgb(...)` colour with little of it left. */
const faint = (colour: string): string =>
  colour.replace(/^rgb\((.*)\)$/, "rgb($1 / 12%)").replaceAll(",", " ");

/** uPlot's cursor tells the other charts only when asked by a third argument, which its types leave out. */
type SharedCursor = (at: { left: number; top: number }, fireHook: boolean, publish: boolean) => void;

/** Puts the crosshair of `plot` on `step`, or away without one; the other charts follow. */
export function pointTo(plot: uPlot, step: number | undefined): void {
  const at = step === undefined ? { left: -10, top: -10 } : { left: plot.valToPos(step, "x"), top: 0 };
  (plot.setCursor as SharedCursor)(at, true, true);
}
