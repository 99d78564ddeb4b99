// Golden cases of dynamic sampling: which groups are kept, and how often prompts are sampled for a step.

import {
  FILTER_METRICS,
  filterGroups,
  needsMoreGroups,
  numpyStd,
  type FilterPrecision,
} from "../../rl/filter-groups.ts";
import type { GoldenCase } from "./algorithms-golden.ts";
import { numberOf } from "./algorithms-golden.ts";
import type { Judge } from "./algorithms-judge.ts";
import { isRefused } from "./algorithms-judge.ts";

interface Group {
  readonly uid: string;
  readonly scores: readonly number[];
}

const precisionOf = ({ params }: GoldenCase): FilterPrecision =>
  FILTER_METRICS.find(({ id }) => id === params["metric"])!.precision;

/** Groups whose responses differ. */
function keptOf(groups: readonly Group[], precision: FilterPrecision): Group[] {
  const metric = groups.flatMap(({ scores }) => scores);
  const places = groups.flatMap(({ scores }, group) => scores.map(() => group));
  return filterGroups(metric, places, precision).map((group) => groups[group]!);
}

function compareStd(groups: readonly Group[], { outputs }: GoldenCase, judge: Judge): void {
  const wanted = outputs["np_std_float64"] as Record<string, number>;
  for (const { uid, scores } of groups)
    judge.expect(`np.std of ${uid}`, numpyStd(scores, "float64") === wanted[uid]);
}

/** A step of the recipe, with the batches that it may sample. */
export function compareSampling(golden: GoldenCase, judge: Judge): void {
  const { params, inputs, outputs } = golden;
  const batches = inputs["gen_batches"] as Group[][];
  const wanted = numberOf(params["train_batch_size"]);
  const kept: Group[] = [];
  let count = 0;
  const needsMore = (): boolean =>
    needsMoreGroups({
      kept: kept.length,
      wanted,
      batches: count,
      maxBatches: numberOf(params["max_num_gen_batches"]),
    });
  compareStd(batches.flat(), golden, judge);
  const isOver = outputs["error"] !== undefined;
  const last = isOver ? numberOf(outputs["num_gen_batches"]) : Number.POSITIVE_INFINITY;
  while (count < batches.length && (count === 0 || (count < last && needsMore()))) {
    const batch = batches[count++]!;
    kept.push(...keptOf(batch, precisionOf(golden)));
  }
  judge.compare("num_gen_batches", [count], [numberOf(outputs["num_gen_batches"])]);
  judge.compare("num_prompt_in_batch", [kept.length], [numberOf(outputs["num_prompt_in_batch"])], {
    scale: 1,
  });
  if (isOver) return judge.expect("a refusal", isRefused(needsMore));
  const isReached = !needsMore();
  judge.expect("reached_update", isReached === outputs["reached_update"]);
  const used = isReached ? kept.slice(0, wanted) : [];
  const uids = used.flatMap(({ uid, scores }) => scores.map(() => uid));
  judge.expect("batch_uids", uids.join() === (outputs["batch_uids"] as string[]).join());
}

/** The groups that verl's replay buffer drops. */
export function compareFilteredGroups(golden: GoldenCase, judge: Judge): void {
  const entries = Object.entries(golden.inputs["groups"] as Record<string, number[]>);
  const groups = entries.map(([uid, scores]) => ({ uid, scores }));
  compareStd(groups, golden, judge);
  const kept = keptOf(groups, precisionOf(golden)).map(({ uid }) => uid);
  const dropped = groups.map(({ uid }) => uid).filter((uid) => !kept.includes(uid));
  judge.expect("filtered", dropped.join() === (golden.outputs["filtered"] as string[]).join());
}
