// Runs a file of golden numbers of algorithms (policy losses, aggregation, KL, advantages) against this engine's and makes a
// table of it: what agrees, what does not, and what there is nothing for. Never calls a case passed that was not compared.

import type { Recorder } from "../../gpu/index.ts";
import { GpuAllocator } from "../../gpu/index.ts";
import type { Place } from "./algorithms-cases.ts";
import { judgeCase, KINDS, placeOf } from "./algorithms-cases.ts";
import type { GoldenCase } from "./algorithms-golden.ts";
import type { Worst } from "./algorithms-judge.ts";
import { HeadDevice } from "./algorithms-head.ts";
import { LossDevice } from "./algorithms-loss.ts";
import { ValueDevice } from "./algorithms-value.ts";

/** Compared cases of one kind and topic at one place and precision. */
export interface AlgorithmRow {
  readonly title: string;
  readonly place: Place;
  readonly dtype: GoldenCase["dtype"];
  readonly cases: number;
  /** Names of the cases that differ. */
  readonly failed: readonly string[];
  readonly worst: Worst;
  /** Case of the worst error. */
  readonly where: string;
}

export interface AlgorithmReport {
  readonly rows: readonly AlgorithmRow[];
  /** Cases that were not compared, by reason. */
  readonly notCovered: ReadonlyMap<string, number>;
}

/** Runs all cases; without a recorder those for the device are not covered. */
export async function runAlgorithms(
  cases: readonly GoldenCase[],
  recorder: Recorder | undefined,
): Promise<AlgorithmReport> {
  const allocator = recorder && new GpuAllocator(recorder.gpu);
  const devices = allocator && {
    loss: new LossDevice(recorder, allocator),
    head: new HeadDevice(recorder, allocator),
    value: new ValueDevice(recorder, allocator),
  };
  const rows = new Map<string, AlgorithmRow>();
  const notCovered = new Map<string, number>();
  try {
    for (const golden of cases) {
      const kind = KINDS[golden.kind];
      const reason = kind ? kind.missing?.(golden) : "no such kind here";
      const place = kind && placeOf(golden, kind);
      const why = reason ?? (place === "GPU float32" && !devices ? "no WebGPU adapter" : undefined);
      if (why !== undefined || !kind || !place) {
        const key = `${golden.kind}: ${why}`;
        notCovered.set(key, (notCovered.get(key) ?? 0) + 1);
        continue;
      }
      const title = `${golden.kind} ${kind.topic(golden)}`.trim();
      const { worst } = await judgeCase(golden, kind, devices);
      const key = `${title} ${place} ${golden.dtype}`;
      rows.set(key, withCase(rows.get(key) ?? emptyRow(title, place, golden, worst), golden.name, worst));
    }
  } finally {
    allocator?.destroy();
  }
  return { rows: [...rows.values()], notCovered };
}

const emptyRow = (
  title: string,
  place: Place,
  { dtype }: GoldenCase,
  { tolerance }: Worst,
): AlgorithmRow => ({
  title,
  place,
  dtype,
  cases: 0,
  failed: [],
  worst: { error: 0, tolerance, what: "" },
  where: "",
});

function withCase(row: AlgorithmRow, name: string, worst: Worst): AlgorithmRow {
  const isWorse = worst.error > row.worst.error;
  return {
    ...row,
    cases: row.cases + 1,
    failed: worst.error <= worst.tolerance ? row.failed : [...row.failed, name],
    worst: isWorse ? worst : row.worst,
    where: isWorse ? name : row.where,
  };
}

/** True when something was compared and all of it agreed. */
export const isAllRight = ({ rows }: AlgorithmReport): boolean =>
  rows.length > 0 && rows.every(({ failed }) => failed.length === 0);

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0);

/** The report as lines of text: a table, then what was not covered, then the totals. */
export function reportLines({ rows, notCovered }: AlgorithmReport): string[] {
  const head = ["", "kind", "computed", "golden", "cases", "worst error", "limit", "worst at"];
  const body = rows.map(({ title, place, dtype, cases, failed, worst, where }) => [
    failed.length === 0 ? "ok" : "FAILED",
    title,
    place,
    dtype,
    String(cases),
    worst.error === 0 ? "0" : worst.error.toExponential(1),
    worst.tolerance.toExponential(0),
    where && `${worst.what} of ${where}`,
  ]);
  const failed = rows.flatMap((row) => row.failed.map((name) => `FAILED  ${row.place}: ${name}`));
  const compared = sum(rows.map(({ cases }) => cases));
  const missing = [...notCovered].map(([reason, count]) => `  ${String(count).padStart(4)}  ${reason}`);
  return [
    ...aligned([head, ...body]),
    ...failed,
    ...(missing.length > 0 ? [`not covered, ${sum(notCovered.values())} cases:`, ...missing] : []),
    `${compared - failed.length} of ${compared} compared cases agree; ${sum(notCovered.values())} were not compared`,
  ];
}

function aligned(table: readonly (readonly string[])[]): string[] {
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd(),
  );
}
