// Every number that a run logs: verl's name where verl logs it, TRL's where only TRL does, described once. Charts, tables,
// exports and help read this list. Where a number is computed is step.ts, evaluate.ts and sft.ts.

import { ADVANTAGE_METRICS } from "./advantages/metric-list.ts";
import { CRITIC_METRICS } from "./critic/metric-list.ts";
import { DRIVER_METRICS } from "./losses/metric-list.ts";
import { spreadOf } from "./metric-spread.ts";
import { CORRECTION_METRICS } from "./rollout-correction-metric-list.ts";
import { PREFERENCE_METRICS, VAL_PAIRS } from "./preference/metric-list.ts";
import { REWARD_METRICS } from "./rewards/metric-list.ts";

export { VAL_PAIRS, VAL_PAIRS_HIGH, VAL_PAIRS_LOW } from "./preference/metric-list.ts";

/** One step's numbers by metric key; "training/global_step" is always there. */
export type MetricRow = Readonly<Record<string, number>>;

export interface Metric {
  readonly key: string;
  readonly label: string;
  /** One sentence for a person who meets the number for the first time. */
  readonly description: string;
  readonly unit?: string;
  /** A share from 0 to 1, shown in percent. */
  readonly isShare?: boolean;
  /** Which chart shows it; absent: only in tables and exports. */
  readonly chart?: ChartId;
}

/** Charts in reading order, with the question each answers. */
export const CHARTS = [
  { id: "accuracy", label: "Held-out accuracy", mode: "both" },
  { id: "reward", label: "Reward", mode: "rl" },
  { id: "loss", label: "Policy loss", mode: "rl" },
  { id: "valueLoss", label: "Value loss", mode: "critic" },
  { id: "explainedVar", label: "Explained variance", mode: "critic" },
  { id: "sftLoss", label: "Loss", mode: "sft" },
  { id: "kl", label: "KL", mode: "rl" },
  { id: "entropy", label: "Entropy", mode: "rl" },
  { id: "gradNorm", label: "Gradient norm", mode: "both" },
  { id: "clip", label: "Clipped tokens", mode: "rl" },
  { id: "length", label: "Response length", mode: "rl" },
  { id: "throughput", label: "Tokens per second", mode: "both" },
] as const;
export type ChartId = (typeof CHARTS)[number]["id"];

export const STEP = "training/global_step";
export const VAL_STRICT = "val-core/openai/gsm8k/acc/mean@1";
/** Ends of the 95 % interval of the strict accuracy. */
export const VAL_LOW = "val-core/openai/gsm8k/acc/low@1";
export const VAL_HIGH = "val-core/openai/gsm8k/acc/high@1";
/** Whether a row is what an evaluation logs, not a step. */
export const isEvaluationRow = (row: MetricRow): boolean =>
  row[VAL_STRICT] !== undefined || row[VAL_PAIRS] !== undefined;
export const VAL_FLEXIBLE = "val-aux/openai/gsm8k/acc_flexible/mean@1";

export const METRICS: readonly Metric[] = [
  { key: STEP, label: "Step", description: "Training steps taken." },
  {
    key: "training/epoch",
    label: "Epoch",
    description: "Passes over the training problems, whole and begun.",
  },
  {
    key: VAL_STRICT,
    label: "Strict accuracy",
    description: "Share of held-out problems whose greedy response ends in the right number after ####.",
    isShare: true,
    chart: "accuracy",
  },
  {
    key: VAL_LOW,
    label: "Strict accuracy, lower end",
    description: "Lower end of the 95 % interval (Wilson) of the strict accuracy.",
    isShare: true,
  },
  {
    key: VAL_HIGH,
    label: "Strict accuracy, upper end",
    description: "Upper end of the 95 % interval (Wilson) of the strict accuracy.",
    isShare: true,
  },
  {
    key: VAL_FLEXIBLE,
    label: "Flexible accuracy",
    description: "Share of held-out problems whose last number is right, with or without ####.",
    isShare: true,
    chart: "accuracy",
  },
  { key: "val-aux/n", label: "Held-out problems", description: "Held-out problems that were answered." },
  {
    key: "val-aux/response_length/mean",
    label: "Held-out response length",
    description: "Mean length of the greedy responses to held-out problems.",
    unit: "tokens",
  },
  {
    key: "timing_s/testing",
    label: "Evaluation time",
    description: "Time of the evaluation.",
    unit: "s",
  },
  ...spreadOf("critic/score", "Reward", "reward of the step's responses", { chart: "reward" }),
  ...spreadOf(
    "critic/rewards",
    "Reward after KL",
    "reward of the step's responses, KL in the reward taken off",
  ),
  ...spreadOf("critic/advantages", "Advantage", "advantage over the step's response tokens"),
  ...ADVANTAGE_METRICS,
  {
    key: "train/acc_strict",
    label: "Strict accuracy in training",
    description: "Share of sampled responses with the right number after ####.",
    isShare: true,
    chart: "reward",
  },
  {
    key: "train/acc_flexible",
    label: "Flexible accuracy in training",
    description: "Share of sampled responses whose last number is right.",
    isShare: true,
    chart: "reward",
  },
  {
    key: "critic/frac_reward_zero_std",
    label: "Groups without spread",
    description:
      "Share of groups whose responses all got the same reward: they teach nothing. Near 1, learning stands still.",
    isShare: true,
  },
  {
    key: "train/num_gen_batches",
    label: "Rounds of sampling",
    description: "How often problems were answered to fill the step (dynamic sampling).",
  },
  {
    key: "train/filtered_prompts_ratio",
    label: "Groups kept",
    description:
      "Share of groups that passed dynamic sampling, because their responses differ: as the guide to GSPO with dynamic sampling has it. verl logs none.",
    isShare: true,
  },
  ...REWARD_METRICS,
  {
    key: "reward/overlong_penalty",
    label: "Penalty for length",
    description: "Mean of what responses paid for their length; it is in the reward.",
  },
  {
    key: "reward/overlong",
    label: "Long responses",
    description: "Share of responses that paid for their length.",
    isShare: true,
  },
  {
    key: "actor/pg_loss",
    label: "Policy loss",
    description: "The policy loss without KL and entropy terms. Its level means little; NaN means trouble.",
    chart: "loss",
  },
  ...PREFERENCE_METRICS,
  ...DRIVER_METRICS,
  ...CORRECTION_METRICS,
  {
    key: "actor/kl_loss",
    label: "KL to the reference",
    description: "Mean KL estimate between policy and the model the run began with, before its coefficient.",
    unit: "nats",
    chart: "kl",
  },
  { key: "actor/kl_coef", label: "KL coefficient", description: "Weight of the KL loss." },
  {
    key: "actor/reward_kl_penalty",
    label: "KL in the reward",
    description: "Mean KL to the reference per token, which rewards pay for.",
    unit: "nats",
    chart: "kl",
  },
  {
    key: "actor/reward_kl_penalty_coeff",
    label: "Price of KL in the reward",
    description: "What a nat of KL takes off the reward in this step.",
  },
  {
    key: "actor/ppo_kl",
    label: "KL to the old policy",
    description:
      "Mean of oldLogProb - logProb: how far the updates of this step have moved. 0 with one update a step.",
    unit: "nats",
    chart: "kl",
  },
  {
    key: "actor/entropy",
    label: "Entropy",
    description:
      "Mean entropy of the token distributions under the temperature. A fall to 0 ends exploration.",
    unit: "nats",
    chart: "entropy",
  },
  {
    key: "actor/grad_norm",
    label: "Gradient norm",
    description: "Length of the gradient before clipping, mean over the updates of the step.",
    chart: "gradNorm",
  },
  ...CRITIC_METRICS,
  { key: "actor/lr", label: "Learning rate", description: "Learning rate of the step's last update." },
  {
    key: "actor/skipped_updates",
    label: "Skipped updates",
    description: "Updates of this run that were left out because a gradient was not finite.",
  },
  ...spreadOf("response_length", "Response length", "response length", { unit: "tokens", chart: "length" }),
  {
    key: "response_length/clip_ratio",
    label: "Cut responses",
    description: "Share of responses cut at the longest response. Much of it: allow longer ones.",
    isShare: true,
  },
  ...spreadOf("prompt_length", "Prompt length", "prompt length", { unit: "tokens" }),
  {
    key: "prompt_length/clip_ratio",
    label: "Full prompts",
    description: "Share of prompts that are as long as allowed. Longer problems are left out of the run.",
    isShare: true,
  },
  {
    key: "training/rollout_probs_diff_mean",
    label: "Sampler difference (mean)",
    description: "Mean difference between a token's probability when sampled and when trained on.",
  },
  {
    key: "training/rollout_probs_diff_max",
    label: "Sampler difference (largest)",
    description: "Largest difference between a token's probability when sampled and when trained on.",
  },
  {
    key: "train/loss",
    label: "Loss",
    description: "Mean negative log-probability of a token of the worked answers.",
    unit: "nats",
    chart: "sftLoss",
  },
  {
    key: "perf/total_num_tokens",
    label: "Tokens",
    description: "Prompt and response tokens of the step.",
    unit: "tokens",
  },
  {
    key: "perf/throughput",
    label: "Throughput",
    description: "Tokens of the step by the time of the step.",
    unit: "tokens/s",
    chart: "throughput",
  },
  {
    key: "perf/rollout_throughput",
    label: "Rollout throughput",
    description: "Response tokens by the time of the rollout.",
    unit: "tokens/s",
    chart: "throughput",
  },
  { key: "timing_s/gen", label: "Rollout time", description: "Time of the rollout.", unit: "s" },
  {
    key: "timing_s/old_log_prob",
    label: "Old log-probability time",
    description: "Time of the forward pass under the old policy, where updates need one.",
    unit: "s",
  },
  {
    key: "timing_s/ref",
    label: "Reference time",
    description: "Time of the forward pass under the reference policy.",
    unit: "s",
  },
  { key: "timing_s/update_actor", label: "Update time", description: "Time of the updates.", unit: "s" },
  { key: "timing_s/step", label: "Step time", description: "Time of the whole step.", unit: "s" },
];

/** Numbers that depend on the clock, which no two runs share; every other is the same to the bit in a repeated run. */
export const isTiming = (key: string): boolean => key.startsWith("timing_s/") || key.endsWith("throughput");
