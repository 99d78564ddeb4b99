// What a step is made of, as parts of one strip: how long each part takes by the newest measurement, and how far the step
// has got. Pure; drawn by gradus-timeline.ts.

import type { MetricRow, Phase } from "../worker/api.ts";
import type { RunView } from "./run-view.ts";

export interface Segment {
  readonly phase: Phase;
  readonly label: string;
  /** Seconds, when last measured. */
  readonly seconds?: number;
  /** Its part of the strip, 0 to 1. */
  readonly share: number;
  /** How much of it is done, 0 to 1. */
  readonly done: number;
  readonly isNow: boolean;
}

export const PHASE_LABELS: Readonly<Record<Phase, string>> = {
  load: "Loading",
  evaluate: "Evaluation",
  rollout: "Rollout",
  greedy: "Greedy",
  oldLogProb: "Old policy",
  reference: "Reference",
  values: "Values",
  updateCritic: "Critic",
  update: "Update",
  save: "Checkpoint",
};

/** In the order of a step, with the metric that tells their time. */
const PARTS: readonly { readonly phase: Phase; readonly key: string }[] = [
  { phase: "rollout", key: "timing_s/gen" },
  { phase: "greedy", key: "timing_s/gen_max" },
  { phase: "oldLogProb", key: "timing_s/old_log_prob" },
  { phase: "reference", key: "timing_s/ref" },
  { phase: "values", key: "timing_s/values" },
  { phase: "updateCritic", key: "timing_s/update_critic" },
  { phase: "update", key: "timing_s/update_actor" },
  { phase: "evaluate", key: "timing_s/testing" },
];
/** Parts of every run of reinforcement learning; the others are shown once they have happened. */
const ALWAYS: readonly Phase[] = ["rollout", "update", "evaluate"];
/** No part is narrower than its label. */
const LEAST_SHARE = 0.16;

/** The parts of a step of `run`; before the first, loading alone and then the first evaluation alone. */
export function segmentsOf({ history, progress, config, state }: RunView): Segment[] {
  if (state === "loading" || progress?.phase === "load") return [alone("load", progress)];
  if (progress?.phase === "evaluate" && progress.step === 0) return [alone("evaluate", progress)];
  const samples = samplesResponses(config?.["gradus.mode"]);
  const now = PARTS.findIndex(({ phase }) => phase === progress?.phase);
  const parts = PARTS.map((part) => ({ ...part, seconds: newest(history, part.key) })).filter(
    ({ phase, seconds }) =>
      seconds !== undefined ||
      phase === progress?.phase ||
      (ALWAYS.includes(phase) && (samples || phase !== "rollout")),
  );
  const shares = sharesOf(parts.map(({ seconds }) => seconds));
  return parts.map(({ phase, seconds }, index) => {
    const isNow = phase === progress?.phase;
    const isPast = isBefore(phase, now, progress?.phase);
    const done = isNow ? doneOf(progress) : isPast ? 1 : 0;
    return {
      phase,
      label: PHASE_LABELS[phase],
      share: shares[index]!,
      done,
      isNow,
      ...(seconds !== undefined && { seconds }),
    };
  });
}

/** Whether a step of this method writes responses; a run that has not told is taken to. */
const samplesResponses = (mode: string | undefined): boolean => mode !== "sft" && mode !== "dpo";

/** A strip of one part, which goes on. */
const alone = (phase: Phase, progress: RunView["progress"]): Segment => ({
  phase,
  label: PHASE_LABELS[phase],
  share: 1,
  done: doneOf(progress),
  isNow: true,
});

/** The newest value of `key`. */
const newest = (history: readonly MetricRow[], key: string): number | undefined =>
  history.findLast((row) => row[key])?.[key];

/** How far the phase of `progress` has got, 0 to 1. */
export const doneOf = (progress: RunView["progress"]): number =>
  progress && progress.total > 0 ? Math.min(1, progress.done / progress.total) : 0;

/** Whether `phase` comes before the one at position `now`; a checkpoint comes after all of them. */
function isBefore(phase: Phase, now: number, current: Phase | undefined): boolean {
  if (current === "save") return phase !== "evaluate";
  return PARTS.findIndex((part) => part.phase === phase) < now;
}

/** Shares in proportion to the known times, each at least as wide as a label; equal ones while nothing is known. */
function sharesOf(seconds: readonly (number | undefined)[]): number[] {
  const known = seconds.filter((value) => value !== undefined);
  const typical = known.length > 0 ? known.reduce((sum, value) => sum + value, 0) / known.length : 1;
  const total = seconds.reduce<number>((sum, value) => sum + (value ?? typical), 0);
  const wide = seconds.map((value) => Math.max(LEAST_SHARE, (value ?? typical) / total));
  const sum = wide.reduce((all, share) => all + share, 0);
  return wide.map((share) => share / sum);
}
