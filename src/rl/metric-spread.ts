// Mean, largest and smallest of a number, as three entries of the list of metrics.

import type { Metric } from "./metrics.ts";
import { REWARD_WORDS } from "./preference/metric-list.ts";

const alsoCalled = (key: string): string => (REWARD_WORDS[key] ? ` (${REWARD_WORDS[key]})` : "");

/** Entries `prefix`/mean, max and min; `more` is what the mean has besides. */
export const spreadOf = (prefix: string, label: string, what: string, more: Partial<Metric> = {}): Metric[] =>
  [
    ["mean", "mean"],
    ["max", "largest"],
    ["min", "smallest"],
  ].map(([suffix, word]) => ({
    ...(suffix === "mean" ? more : more.unit ? { unit: more.unit } : {}),
    key: `${prefix}/${suffix}`,
    label: `${label} (${word})`,
    description: `${suffix === "mean" ? "Mean" : suffix === "max" ? "Largest" : "Smallest"} ${what}${alsoCalled(`${prefix}/${suffix}`)}.`,
  }));
