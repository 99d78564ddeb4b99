// The numbers of a step's critic under the names of metric-list.ts.

import { mean } from "../../common/numbers.ts";
import { criticMetrics } from "../data-metrics.ts";
import type { MetricRow } from "../metrics.ts";
import type { TokenTreatment } from "../token-treatment.ts";
import { ofTrained } from "../token-treatment.ts";
import type { CriticUpdate, ValueTargets } from "./update.ts";
import type { ValueStats } from "./value-loss.ts";

/** As verl: losses are sums over the micro-batches of an update, means over the updates of a step, and none without an update. */
export function criticStepMetrics(
  { values, returns }: ValueTargets,
  treatment: Pick<TokenTreatment, "mask">,
  { updates, lr, seconds }: CriticUpdate,
  valueSeconds: number,
): MetricRow {
  const over = (value: (stats: ValueStats) => number): number =>
    mean(updates.map(({ stats }) => value(stats)));
  const rollouts = [...values.keys()];
  return {
    ...criticMetrics(ofTrained(rollouts, returns, treatment), ofTrained(rollouts, values, treatment)),
    ...(updates.length > 0 && {
      "critic/vf_loss": over(({ vfLoss }) => vfLoss),
      "critic/vf_clipfrac": over(({ clipped, tokens }) => clipped / tokens),
      "critic/vpred_mean": over(({ value, tokens }) => value / tokens),
      "critic/grad_norm": mean(updates.map(({ gradNorm }) => gradNorm)),
    }),
    "critic/lr": lr,
    "timing_s/values": valueSeconds,
    "timing_s/update_critic": seconds,
  };
}
