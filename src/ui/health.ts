// Whether a run is healthy, told per chart as "looks fine" or "look here" with one sentence why. Rules of thumb of our own,
// for a person to judge by: nothing in a run depends on them.

import { mean } from "../common/numbers.ts";
import type { ChartId } from "../rl/metrics.ts";
import type { Evaluation, MetricRow } from "../worker/api.ts";
import { difference } from "./before-after.ts";
import { valuesOf } from "./chart-data.ts";
import { formatNumber, formatShare } from "./format.ts";

export interface Health {
  readonly isFine: boolean;
  /** One sentence; what to do is in it where something is to be looked at. */
  readonly why: string;
}

/** How many of the newest steps are averaged. */
const RECENT = 5;
/** Share of the first entropy under which exploration has nearly ended, and over which the policy falls apart. */
const ENTROPY_LOW = 0.15;
const ENTROPY_HIGH = 2;
/** Nats a token from the reference that are much for a small model. */
const KL_HIGH = 0.5;
/** Nats a token that the updates of one step may move; early stopping in PPO is set from 0.01 to 0.1. */
const STEP_KL_HIGH = 0.1;
const CLIP_HIGH = 0.3;
const ZERO_SPREAD_HIGH = 0.75;
const CUT_HIGH = 0.25;
/** Reward above which a group without spread is a problem that is solved. */
const SOLVED = 0.9;
/** Times the median that a gradient norm stands out. */
const NORM_PEAK = 10;

const known = (rows: readonly MetricRow[], key: string): number[] =>
  valuesOf(rows, key).filter((value) => value !== null);

/** Mean of the newest values; undefined where there is none. */
function recent(rows: readonly MetricRow[], key: string): number | undefined {
  const values = known(rows, key).slice(-RECENT);
  return values.length > 0 ? mean(values) : undefined;
}

const percent = (share: number): string => formatShare(share, 0);
const fine = (why: string): Health => ({ isFine: true, why });
const look = (why: string): Health => ({ isFine: false, why });

/** What to think of chart `id`; undefined while there is too little to tell, and for charts without a rule. */
export function healthOf(
  id: ChartId,
  rows: readonly MetricRow[],
  evaluations: readonly Evaluation[] = [],
): Health | undefined {
  return id === "accuracy" ? accuracyHealth(evaluations) : RULES[id]?.(rows);
}

/** Whether the accuracy is surely below where it began. */
function accuracyHealth(evaluations: readonly Evaluation[]): Health | undefined {
  const first = evaluations[0];
  const last = evaluations.at(-1);
  if (!first || !last || first === last) return undefined;
  if (difference(first, last).high >= 0) return fine(`It is not below that of step ${first.step}.`);
  return look(
    `It fell from ${formatShare(first.strict.mean)} at step ${first.step} to ${formatShare(last.strict.mean)}: lower the learning rate, or answer more prompts in a step.`,
  );
}

const RULES: Partial<Record<ChartId, (rows: readonly MetricRow[]) => Health | undefined>> = {
  reward: spreadHealth,
  loss: (rows) => lossHealth(rows, "actor/pg_loss"),
  sftLoss: (rows) => lossHealth(rows, "train/loss"),
  kl: klHealth,
  entropy: entropyHealth,
  gradNorm: normHealth,
  clip: clipHealth,
  length: cutHealth,
};

function spreadHealth(rows: readonly MetricRow[]): Health | undefined {
  const share = recent(rows, "critic/frac_reward_zero_std");
  if (share === undefined) return undefined;
  const text = `In ${percent(share)} of the groups all responses got the same reward`;
  if (share < ZERO_SPREAD_HIGH) return fine(`${text}; the others teach.`);
  return (recent(rows, "critic/score/mean") ?? 0) > SOLVED
    ? fine(`${text}, mostly because they are right: little is left to learn from these problems.`)
    : look(`${text}, so they teach nothing: try easier problems, larger groups or a higher temperature.`);
}

function lossHealth(rows: readonly MetricRow[], key: string): Health | undefined {
  const last = rows.findLast((row) => row[key] !== undefined);
  if (!last) return undefined;
  return Number.isFinite(last[key])
    ? fine("The loss is finite.")
    : look("The loss is not a finite number: go back to a checkpoint and lower the learning rate.");
}

function klHealth(rows: readonly MetricRow[]): Health | undefined {
  const reference = recent(rows, "actor/kl_loss");
  const step = recent(rows, "actor/ppo_kl");
  if (step !== undefined && Math.abs(step) > STEP_KL_HIGH)
    return look(
      `The updates of one step move the policy by ${formatNumber(step)} nats a token, which is much: lower the learning rate.`,
    );
  if (reference !== undefined && reference > KL_HIGH)
    return look(
      `The policy is ${formatNumber(reference)} nats a token from where it began: raise the KL coefficient or lower the learning rate.`,
    );
  return reference === undefined && step === undefined
    ? undefined
    : fine("The policy stays near the one it is compared with.");
}

function entropyHealth(rows: readonly MetricRow[]): Health | undefined {
  const values = known(rows, "actor/entropy");
  if (values.length < 2) return undefined;
  const before = mean(values.slice(0, Math.min(RECENT, Math.ceil(values.length / 2))));
  const now = mean(values.slice(-Math.min(RECENT, Math.ceil(values.length / 2))));
  const change = `from ${formatNumber(before)} to ${formatNumber(now)} nats`;
  if (now < ENTROPY_LOW * before)
    return look(
      `Entropy fell ${change}: responses hardly differ any more. Raise the temperature or the KL coefficient if the accuracy stands still.`,
    );
  if (now > ENTROPY_HIGH * before)
    return look(`Entropy rose ${change}: the policy gets noisier. Lower the learning rate.`);
  return fine(`Entropy went ${change}: responses still differ.`);
}

function normHealth(rows: readonly MetricRow[]): Health | undefined {
  const skipped = rows.findLast((row) => row["actor/skipped_updates"] !== undefined)?.[
    "actor/skipped_updates"
  ];
  if (skipped)
    return look(
      `${skipped} ${skipped === 1 ? "update was" : "updates were"} left out because a gradient was not finite: lower the learning rate.`,
    );
  const values = known(rows, "actor/grad_norm");
  if (values.length === 0) return undefined;
  const median = [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)]!;
  const last = values.at(-1)!;
  return median > 0 && last > NORM_PEAK * median
    ? look(
        `The last gradient was ${formatNumber(last / median)} times as long as usual: if that goes on, lower the learning rate.`,
      )
    : fine("Gradients are as long as usual.");
}

function clipHealth(rows: readonly MetricRow[]): Health | undefined {
  const share = recent(rows, "actor/pg_clipfrac");
  if (share === undefined) return undefined;
  return share > CLIP_HIGH
    ? look(
        `The clip stops ${percent(share)} of the tokens: lower the learning rate or take fewer updates a step.`,
      )
    : fine(`The clip stops ${percent(share)} of the tokens.`);
}

function cutHealth(rows: readonly MetricRow[]): Health | undefined {
  const share = recent(rows, "response_length/clip_ratio");
  if (share === undefined) return undefined;
  return share > CUT_HIGH
    ? look(
        `${percent(share)} of the responses are cut before they end and can hardly be right: allow longer responses.`,
      )
    : fine(`${percent(share)} of the responses are cut before they end.`);
}
