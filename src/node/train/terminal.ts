// A run in a terminal: one line a step, and below it a bar for what is under way, where the terminal can rewrite a line.

import type { RunEvent } from "../../rl/events.ts";
import type { MetricRow } from "../../rl/metrics.ts";
import {
  isEvaluationRow,
  STEP,
  VAL_FLEXIBLE,
  VAL_HIGH,
  VAL_LOW,
  VAL_PAIRS,
  VAL_PAIRS_HIGH,
  VAL_PAIRS_LOW,
  VAL_STRICT,
} from "../../rl/metrics.ts";

const WORDS = {
  load: "loading",
  evaluate: "evaluating",
  rollout: "rollout",
  greedy: "greedy responses",
  oldLogProb: "old log-probabilities",
  reference: "reference",
  values: "values",
  updateCritic: "critic",
  update: "update",
  save: "saving",
} as const;

const BAR = 20;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** "3 min 20 s". */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes} min ${whole % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Prints the events of one run on stdout. */
export class Terminal {
  readonly #total: number;
  readonly #isLive = process.stdout.isTTY === true;
  #shown = "";

  constructor(totalSteps: number) {
    this.#total = totalSteps;
  }

  hear(event: RunEvent): void {
    if (event.type === "progress") this.#bar(event);
    else if (event.type === "metrics") this.#metrics(event.row);
    else if (event.type === "notice") this.line(event.message);
    else if (event.type === "checkpoint")
      this.line(`checkpoint of step ${event.step}: ${(event.bytes / 1e6).toFixed(1)} MB`);
  }

  /** Prints a line above the bar. */
  line(text: string): void {
    if (this.#shown) process.stdout.write("\r\u001b[K");
    this.#shown = "";
    console.log(text);
  }

  #bar({ phase, step, done, total, runSecondsLeft }: Extract<RunEvent, { type: "progress" }>): void {
    if (!this.#isLive) return;
    const share = total > 0 ? done / total : 0;
    const full = Math.round(BAR * share);
    const left = runSecondsLeft === undefined ? "" : `, ${duration(runSecondsLeft)} left`;
    const bar = `${"█".repeat(full)}${"░".repeat(BAR - full)}`;
    this.#shown = `step ${step} of ${this.#total}  ${bar} ${WORDS[phase]}${left}`;
    process.stdout.write(
      `\r\u001b[K${this.#shown.slice(0, Math.max(20, (process.stdout.columns ?? 80) - 1))}`,
    );
  }

  #metrics(row: MetricRow): void {
    const text = isEvaluationRow(row) ? evaluationText(row) : stepText(row);
    this.line(`step ${String(row[STEP]).padStart(String(this.#total).length)}  ${text}`);
  }
}

function stepText(row: MetricRow): string {
  const number = (key: string, digits: number): string => (row[key] ?? Number.NaN).toFixed(digits);
  const seconds = `${number("timing_s/step", 1)} s`;
  if (row["train/loss"] !== undefined)
    return `loss ${number("train/loss", 4)}  gradient ${number("actor/grad_norm", 3)}  ${seconds}`;
  if (row["rewards/margins"] !== undefined)
    return `loss ${number("preference/ranking_loss", 4)}  pairs right ${percent(row["preference/accuracy"]!)}  margin ${number("rewards/margins", 3)}  gradient ${number("actor/grad_norm", 3)}  ${seconds}`;
  const parts = [
    `reward ${number("critic/score/mean", 3)}`,
    `length ${number("response_length/mean", 1)}`,
    `entropy ${number("actor/entropy", 3)}`,
    `gradient ${number("actor/grad_norm", 3)}`,
    ...(row["actor/kl_loss"] === undefined ? [] : [`KL ${number("actor/kl_loss", 4)}`]),
    seconds,
  ];
  return parts.join("  ");
}

function evaluationText(row: MetricRow): string {
  const shareOf = (mean: string, low: string, high: string): string =>
    `${percent(row[mean]!)} (${percent(row[low]!)} to ${percent(row[high]!)})`;
  const parts = [];
  if (row[VAL_STRICT] !== undefined)
    parts.push(
      `held-out accuracy ${shareOf(VAL_STRICT, VAL_LOW, VAL_HIGH)}, flexible ${percent(row[VAL_FLEXIBLE]!)}, ${row["val-aux/n"]} problems`,
    );
  if (row[VAL_PAIRS] !== undefined)
    parts.push(
      `held-out preference ${shareOf(VAL_PAIRS, VAL_PAIRS_LOW, VAL_PAIRS_HIGH)}, loss ${row["val-aux/preference/loss"]!.toFixed(4)}, ${row["val-aux/preference/n"]} pairs`,
    );
  return parts.join("; ");
}
