// Prints the device time of a few runs per kernel, from timestamp queries. Shared by the benchmarks; lists as none.

import type { Recorder } from "../src/gpu/index.ts";
import { Profiler } from "../src/gpu/index.ts";

/** Runs `run` `times` times with a profiler and prints a table of milliseconds per run. */
export async function printProfile(
  recorder: Recorder,
  times: number,
  run: () => Promise<unknown>,
): Promise<void> {
  const profiler = new Profiler(recorder.gpu);
  if (!profiler.supported) return console.log("no breakdown: the adapter has no timestamp-query");
  recorder.profiler = profiler;
  for (let i = 0; i < times; i++) {
    await run();
    await profiler.collect();
  }
  recorder.profiler = undefined;
  if (profiler.dropped > 0)
    console.log(`${profiler.dropped} dispatches found no room in the profiler and are left out`);
  const rows = profiler.rows();
  const total = rows.reduce((sum, row) => sum + row.milliseconds, 0);
  const line = (label: string, count: number, ms: number): string =>
    `| ${label} | ${count / times} | ${(ms / times).toFixed(1)} | ${((100 * ms) / total).toFixed(1)} % |`;
  console.log(`\n| kernel | dispatches | ms | share |\n|---|---:|---:|---:|`);
  for (const { label, count, milliseconds } of rows) console.log(line(label, count, milliseconds));
  console.log(
    line(
      "all",
      rows.reduce((sum, row) => sum + row.count, 0),
      total,
    ),
  );
}
