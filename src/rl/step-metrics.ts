// The numbers of one step under the names of metrics.ts.

import { mean, sum } from "../common/numbers.ts";
import type { StepBatches } from "./batches.ts";
import type { RunConfig } from "./config.ts";
import { lengthMetrics, responseSpread, share, tokenSpread } from "./data-metrics.ts";
import { greedyMetrics } from "./greedy-baseline.ts";
import { STEP } from "./metrics.ts";
import type { MetricRow } from "./metrics.ts";
import type { LossStats } from "./losses/stats.ts";
import { hasUpperClip } from "./losses/policy-loss.ts";
import {
  correctionOf,
  driverOf,
  entropyControlOf,
  filterOf,
  needsOldPass,
  objectiveOf,
  overlongOf,
  usesKlLoss,
  usesReference,
} from "./options/index.ts";
import type { Prompt } from "./prompts.ts";
import { epochsAfter } from "./prompts.ts";
import { rewardMetrics } from "./rewards/metric-list.ts";
import { offPolicyMetrics } from "./rollout-correction-metrics.ts";
import type { Run } from "./run.ts";
import type { StepSample } from "./sample.ts";
import type { JudgedRollout } from "./score.ts";
import type { SftExample, SftResult } from "./sft.ts";
import { ofTrained } from "./token-treatment.ts";
import type { Advantages, StepUpdate } from "./update.ts";

/** What every step has that samples responses. */
export interface SampledStep {
  readonly step: number;
  readonly lr: number;
  readonly prompts: readonly Prompt[];
  /** Their groups are places in `prompts`. */
  readonly rollouts: readonly JudgedRollout[];
  readonly sample: StepSample;
  /** Prompts taken by the run so far. */
  readonly drawn: number;
  /** Of everything. */
  readonly seconds: number;
}

/** What a step logs of its prompts and responses, whatever it learns from them. */
export function sampledMetrics(
  run: Run,
  { step, lr, prompts, rollouts, sample, drawn, seconds }: SampledStep,
): MetricRow {
  const lengths = rollouts.map(({ tokens }) => tokens.length);
  const promptLengths = prompts.map(({ tokens }) => tokens.length);
  const tokens = sum(lengths) + sum(promptLengths) * run.config["actor_rollout_ref.rollout.n"];
  return {
    ...commonMetrics(run, { step, lr, drawn }),
    ...responseSpread("critic/score", scoresOf(rollouts), lengths),
    ...rewardMetrics(rollouts.map(({ components = [] }) => components)),
    "train/acc_strict": share(rollouts, ({ reward }) => reward.strict),
    "train/acc_flexible": share(rollouts, ({ reward }) => reward.flexible),
    "critic/frac_reward_zero_std": share(
      prompts.map((_, group) => group),
      (group) => isFlat(rollouts.filter((rollout) => rollout.group === group)),
    ),
    ...lengthMetrics(
      "response_length",
      lengths,
      rollouts.map(({ isTruncated }) => isTruncated),
    ),
    ...lengthMetrics(
      "prompt_length",
      promptLengths,
      promptLengths.map((length) => length === run.config["data.max_prompt_length"]),
    ),
    "perf/total_num_tokens": tokens,
    "perf/throughput": tokens / seconds,
    "perf/rollout_throughput": sample.tokens / sample.seconds,
    ...samplingMetrics(run, sample, rollouts),
    "timing_s/gen": sample.seconds,
    "timing_s/step": seconds,
  };
}

interface RlStep extends Omit<SampledStep, "lr" | "seconds"> {
  readonly batches: StepBatches;
  readonly advantages: Advantages;
  readonly update: StepUpdate;
  /** Rewards with KL taken off, [rollouts][length]; absent: the scores. */
  readonly tokenRewards?: readonly Float64Array[];
  /** Of the critic, where there is one. */
  readonly criticSeconds: number;
}

/** What a step of reinforcement learning logs. */
export function rlMetrics(
  run: Run,
  { batches, advantages, update, tokenRewards, ...sampled }: RlStep,
): MetricRow {
  const { step, sample, rollouts, criticSeconds } = sampled;
  const { seconds } = batches;
  const greedySeconds = sample.greedyBaseline?.seconds ?? 0;
  const passSeconds = greedySeconds + seconds.oldLogProb + seconds.reference + criticSeconds;
  const stepSeconds = sample.seconds + passSeconds + update.seconds;
  return {
    ...sampledMetrics(run, { ...sampled, lr: update.lr, seconds: stepSeconds }),
    ...responseSpread(
      "critic/rewards",
      tokenRewards?.map((list) => sum([...list])) ?? scoresOf(rollouts),
      rollouts.map(({ tokens }) => tokens.length),
    ),
    ...tokenSpread("critic/advantages", ofTrained(rollouts, advantages, batches.treatment)),
    ...lossMetrics(run, update, batches),
    ...samplerDifference(rollouts, batches),
    ...samplerDistance(run.config, rollouts, batches),
    ...greedyMetrics(sample),
    ...(needsOldPass(run.config, step) && { "timing_s/old_log_prob": seconds.oldLogProb }),
    ...(usesReference(run.config) && { "timing_s/ref": seconds.reference }),
    "timing_s/update_actor": update.seconds,
  };
}

/** Of dynamic sampling and of the penalty for length, where they are on. */
function samplingMetrics(
  { config }: Run,
  { rounds, keptShare }: StepSample,
  rollouts: readonly JudgedRollout[],
): MetricRow {
  return {
    ...(filterOf(config) && {
      "train/num_gen_batches": rounds,
      "train/filtered_prompts_ratio": keptShare,
    }),
    ...(overlongOf(config) && {
      "reward/overlong_penalty": mean(rollouts.map(({ overlongPenalty }) => overlongPenalty)),
      "reward/overlong": share(rollouts, ({ overlongPenalty }) => overlongPenalty < 0),
    }),
  };
}

const scoresOf = (rollouts: readonly JudgedRollout[]): number[] => rollouts.map(({ reward }) => reward.score);

const isFlat = (group: readonly JudgedRollout[]): boolean =>
  group.every(({ reward }) => reward.score === group[0]!.reward.score);

/** As verl: losses are sums over the micro-batches of an update, means over the updates of a step. None without an update. */
function lossMetrics(run: Run, step: StepUpdate, { numbers, treatment }: StepBatches): MetricRow {
  const { updates, empty } = step;
  const { config } = run;
  return {
    "actor/entropy": mean([...numbers.values()].flatMap(({ entropy }) => [...entropy])),
    ...treatment.metrics,
    ...(canBeEmpty(config) && { "actor/empty_updates": empty }),
    ...(updates.length > 0 && updateMetrics(run, step)),
  };
}

const canBeEmpty = (config: Run["config"]): boolean =>
  driverOf(config).masksTruncated || (correctionOf(config)?.rejection.length ?? 0) > 0;

function updateMetrics({ config }: Run, { updates }: StepUpdate): MetricRow {
  const over = (value: (stats: LossStats) => number): number =>
    mean(updates.map(({ stats }) => value(stats)));
  return {
    "actor/pg_loss": over(({ pgLoss }) => pgLoss),
    ...(usesKlLoss(config) && {
      "actor/kl_loss": over(({ klLoss }) => klLoss),
      "actor/kl_coef": config["actor_rollout_ref.actor.kl_loss_coef"],
    }),
    "actor/ppo_kl": over(({ ppoKl, tokens }) => ppoKl / tokens),
    "actor/pg_clipfrac": over(({ clippedLow, clippedHigh, tokens }) => (clippedLow + clippedHigh) / tokens),
    "actor/pg_clipfrac_lower": over(({ clippedDual, tokens }) => clippedDual / tokens),
    ...(hasUpperClip(objectiveOf(config).loss) && {
      "actor/pg_clipfrac_upper": over(({ clippedHigh, tokens }) => clippedHigh / tokens),
    }),
    ...(entropyControlOf(config) && {
      "actor/entropy_coeff": mean(updates.map(({ entropyCoef }) => entropyCoef)),
    }),
    ...reduced(updates.map(({ metrics }) => metrics)),
    "actor/grad_norm": mean(updates.map(({ gradNorm }) => gradNorm)),
  };
}

/** One row of several with the same keys: as verl, the largest of what is called max, the smallest of min, else the mean. */
function reduced(rows: readonly MetricRow[]): MetricRow {
  const of = (key: string): number => {
    const values = rows.map((row) => row[key]!);
    if (key.includes("max")) return Math.max(...values);
    return key.includes("min") ? Math.min(...values) : mean(values);
  };
  return Object.fromEntries(Object.keys(rows[0] ?? {}).map((key) => [key, of(key)]));
}

/** How far probabilities in training are from those in sampling. */
export function samplerDifference(
  rollouts: readonly JudgedRollout[],
  { numbers }: Pick<StepBatches, "numbers">,
): MetricRow {
  let total = 0;
  let count = 0;
  let largest = 0;
  for (const rollout of rollouts) {
    const { logProb } = numbers.get(rollout)!;
    rollout.samplerLogProb.forEach((sampled, t) => {
      const difference = Math.abs(Math.exp(logProb[t]!) - Math.exp(sampled));
      total += difference;
      count++;
      largest = Math.max(largest, difference);
    });
  }
  return {
    "training/rollout_probs_diff_mean": total / Math.max(count, 1),
    "training/rollout_probs_diff_max": largest,
  };
}

/**
 * How far training is from another engine that sampled, as rollout correction tells it where it is on; verl tells it for any
 * sampler that gives log-probabilities.
 */
function samplerDistance(
  config: RunConfig,
  rollouts: readonly JudgedRollout[],
  { numbers }: Pick<StepBatches, "numbers">,
): MetricRow {
  const isOther = config["gradus.rollout_engine"] === "onnxruntime";
  if (!isOther || correctionOf(config) || !rollouts.some(({ tokens }) => tokens.length > 0)) return {};
  const distance = offPolicyMetrics(
    rollouts.map((rollout) => numbers.get(rollout)!.logProb),
    rollouts.map(({ samplerLogProb }) => samplerLogProb),
  );
  return Object.fromEntries(Object.entries(distance).map(([key, value]) => [`rollout_corr/${key}`, value]));
}

interface SftStep {
  readonly step: number;
  readonly examples: readonly SftExample[];
  readonly result: SftResult;
  readonly lr: number;
  readonly seconds: number;
  /** Prompts taken by the run so far. */
  readonly drawn: number;
}

/** What a step of supervised fine-tuning logs. */
export function sftMetrics(run: Run, { step, examples, result, lr, seconds, drawn }: SftStep): MetricRow {
  const tokens = sum(examples.map(({ prompt, response }) => prompt.length + response.length));
  return {
    ...commonMetrics(run, { step, lr, drawn }),
    "train/loss": result.loss,
    "actor/grad_norm": result.gradNorm,
    "perf/total_num_tokens": tokens,
    "perf/throughput": tokens / seconds,
    "timing_s/update_actor": seconds,
    "timing_s/step": seconds,
  };
}

/** What every step logs, whatever its method. `drawn`: prompts taken by the run so far. */
export const commonMetrics = (
  { train }: Run,
  { step, lr, drawn }: { readonly step: number; readonly lr: number; readonly drawn: number },
): MetricRow => ({
  [STEP]: step,
  "training/epoch": epochsAfter(drawn, train.length),
  "actor/lr": lr,
});
