// DAPO's dynamic sampling, as arithmetic: a group whose responses all got the same metric teaches nothing and is left out; more
// prompts are then sampled until the step is full. Generating is the step's matter.
// Source: DAPO, arXiv:2503.14476, section 3.2; verl-recipe dapo/dapo_ray_trainer.py. Differs: as verl, a group of one stays,
// and "the same" is numpy's standard deviation being 0, rounding included: three float64 rewards of 0.1 are not the same to it.

import { BugError } from "../common/errors.ts";
import { StepRefused } from "./control.ts";
import type { RewardComponent } from "./rewards/judge.ts";

/** In which numpy has the numbers of a metric in verl. */
export type FilterPrecision = "float64" | "float32";

/** What a metric may look at. */
export interface FilteredResponse {
  /** The penalty for length is in its score. */
  readonly reward: { readonly score: number; readonly strict: boolean; readonly flexible: boolean };
  readonly components?: readonly RewardComponent[];
}

/** A number of a response by which groups may be judged (algorithm.filter_groups.metric). */
export interface FilterMetric {
  readonly id: string;
  readonly description: string;
  readonly precision: FilterPrecision;
  valueOf(response: FilteredResponse): number;
}

/** Not the reward minus the penalty: rounding would make equal responses differ. */
function scoreOf({ reward, components }: FilteredResponse): number {
  return components?.reduce((sum, { score, weight }) => sum + weight * score, 0) ?? reward.score;
}

export const FILTER_METRICS: readonly FilterMetric[] = [
  {
    id: "acc",
    precision: "float64",
    description:
      "Right or wrong by the answer rule that is on, strict before flexible, whatever else is rewarded; where none is on, as score.",
    valueOf: (response) => {
      const { reward, components = [] } = response;
      const isOn = (id: string): boolean => components.some((component) => component.id === id);
      if (isOn("gsm8k")) return Number(reward.strict);
      return isOn("gsm8k_flexible") || isOn("graded") ? Number(reward.flexible) : scoreOf(response);
    },
  },
  {
    id: "score",
    precision: "float64",
    description: "The rewards' weighted sum, without the penalty for length.",
    valueOf: scoreOf,
  },
  {
    id: "seq_reward",
    precision: "float32",
    description: "The rewards' weighted sum with the penalty for length.",
    valueOf: ({ reward }) => reward.score,
  },
  {
    id: "seq_final_reward",
    precision: "float32",
    description:
      "The same: KL in the reward, which verl takes off here, would make all responses differ, and the two cannot be on together.",
    valueOf: ({ reward }) => reward.score,
  },
];

/** Groups that differ within, in order of appearance. `metric` and `groups` are [B]; groups are any whole numbers. */
export function filterGroups(
  metric: ArrayLike<number>,
  groups: ArrayLike<number>,
  precision: FilterPrecision,
): number[] {
  if (metric.length !== groups.length)
    throw new BugError(`${metric.length} metrics and ${groups.length} groups`);
  const values = new Map<number, number[]>();
  for (let i = 0; i < groups.length; i++) {
    const list = values.get(groups[i]!);
    if (list) list.push(metric[i]!);
    else values.set(groups[i]!, [metric[i]!]);
  }
  return [...values].flatMap(([group, list]) =>
    list.length === 1 || numpyStd(list, precision) > 0 ? [group] : [],
  );
}

/** A step cannot be filled. */
export class SamplingLimitError extends StepRefused {}

/** How far the sampling of a step is. */
export interface SamplingCount {
  /** Groups kept so far. */
  readonly kept: number;
  /** Groups that the step needs (data.train_batch_size). Surplus is left out. */
  readonly wanted: number;
  /** Times prompts were sampled. */
  readonly batches: number;
  /** Most times (algorithm.filter_groups.max_num_gen_batches); 0 or below: no limit. */
  readonly maxBatches: number;
}

/** Whether prompts must be sampled once more. Throws SamplingLimitError when they must and may not. */
export function needsMoreGroups({ kept, wanted, batches, maxBatches }: SamplingCount): boolean {
  if (kept >= wanted) return false;
  if (maxBatches > 0 && batches >= maxBatches) {
    throw new SamplingLimitError(
      `After ${batches} rounds of sampling, ${kept} of ${wanted} groups had responses of different quality, and equal ones teach nothing: the problems are too easy or too hard for this model. Allow more rounds (algorithm.filter_groups.max_num_gen_batches), take other problems, or turn dynamic sampling off (algorithm.filter_groups.enable).`,
    );
  }
  return true;
}

/** numpy.std of a list of numbers of this precision, to the last bit. */
export function numpyStd(values: readonly number[], precision: FilterPrecision): number {
  const round = precision === "float32" ? Math.fround : (value: number): number => value;
  const list = values.map(round);
  const meanOf = (numbers: readonly number[]): number => round(pairwiseSum(numbers, round) / numbers.length);
  const mean = meanOf(list);
  const squares = list.map((value) => {
    const difference = round(value - mean);
    return round(difference * difference);
  });
  return round(Math.sqrt(meanOf(squares)));
}

/** Below this many numbers numpy adds one after the other; the lanes of a longer block. */
const LANES = 8;
/** Longest block that numpy does not halve. */
const BLOCK = 128;

/** numpy's order of addition, on which the last bit depends. */
function pairwiseSum(values: readonly number[], round: (value: number) => number): number {
  const add = (a: number, b: number): number => round(a + b);
  const n = values.length;
  if (n < LANES) return values.reduce(add, 0);
  if (n > BLOCK) {
    const half = Math.floor(n / 2);
    const cut = half - (half % LANES);
    return add(pairwiseSum(values.slice(0, cut), round), pairwiseSum(values.slice(cut), round));
  }
  const whole = n - (n % LANES);
  const lanes = values.slice(0, LANES);
  for (let i = LANES; i < whole; i++) lanes[i % LANES] = add(lanes[i % LANES]!, values[i]!);
  const pair = (i: number): number => add(lanes[i]!, lanes[i + 1]!);
  const total = add(add(pair(0), pair(2)), add(pair(4), pair(6)));
  return values.slice(whole).reduce(add, total);
}
