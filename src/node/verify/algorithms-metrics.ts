// Golden cases of what verl logs of a step's data.

import { criticMetrics, lengthMetrics, responseSpread, share, tokenSpread } from "../../rl/data-metrics.ts";
import type { MetricRow } from "../../rl/metrics.ts";
import type { Kind } from "./algorithms-cases.ts";
import type { GoldenCase } from "./algorithms-golden.ts";
import { matrixOf, numberOf, rowLengths, rowsOf } from "./algorithms-golden.ts";
import type { Judge } from "./algorithms-judge.ts";

/** All that verl logs, by the functions that our steps log with. A row that fills its part of the batch counts as cut. */
function metricsOf({ params, inputs }: GoldenCase): MetricRow {
  const mask = matrixOf(inputs["response_mask"]);
  const rows = (key: string): number[][] => rowsOf(inputs[key], mask);
  const sums = (key: string): number[] => rows(key).map((row) => row.reduce((a, b) => a + b, 0));
  const width = mask[0]!.length;
  const lengths = rowLengths(mask);
  const promptMask = matrixOf(inputs["attention_mask"]).map((row) => row.slice(0, -width));
  const prompts = rowLengths(promptMask);
  const isFull = (of: readonly number[], limit: number): boolean[] => of.map((length) => length === limit);
  const written = lengths.filter((length) => length > 0);
  return {
    ...responseSpread("critic/score", sums("token_level_scores"), lengths),
    ...responseSpread("critic/rewards", sums("token_level_rewards"), lengths),
    ...tokenSpread("critic/advantages", rows("advantages")),
    ...(params["use_critic"] === true
      ? criticMetrics(rows("returns"), rows("values"))
      : tokenSpread("critic/returns", rows("returns"))),
    ...lengthMetrics("response_length", lengths, isFull(lengths, width)),
    ...lengthMetrics("response_length_non_aborted", written, isFull(written, width)),
    "response/aborted_ratio": share(lengths, (length) => length === 0),
    ...lengthMetrics("prompt_length", prompts, isFull(prompts, promptMask[0]!.length)),
  };
}

function compareMetrics(golden: GoldenCase, judge: Judge): void {
  const metrics = metricsOf(golden);
  const wanted = golden.outputs["metrics"] as Record<string, unknown>;
  const names = (of: object): string => Object.keys(of).toSorted().join();
  judge.expect("the names of the metrics", names(metrics) === names(wanted));
  for (const [key, value] of Object.entries(metrics)) judge.compare(key, [value], [numberOf(wanted[key])]);
}

export const METRIC_KINDS: Readonly<Record<string, Kind>> = {
  data_metrics: { topic: () => "", compare: compareMetrics },
};
