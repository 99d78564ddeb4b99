// The numbers of a step of group preference under the names of metrics.ts.

import { mean, sum } from "../../common/numbers.ts";
import type { MetricRow } from "../metrics.ts";
import type { PreferenceSettings } from "../options/index.ts";
import type { Run } from "../run.ts";
import type { StepSample } from "../sample.ts";
import type { SampledStep } from "../step-metrics.ts";
import { sampledMetrics, samplerDifference } from "../step-metrics.ts";
import type { PreferenceRound } from "./step.ts";
import type { PreferenceUpdate } from "./update.ts";

/** What the step logs; of pairs nothing but their number where there were none. */
export function preferenceMetrics(
  run: Run,
  settings: PreferenceSettings,
  rounds: readonly PreferenceRound[],
  own: Pick<SampledStep, "step" | "lr" | "drawn">,
): MetricRow {
  const sample = mergedSample(rounds.map((round) => round.sample));
  const updateSeconds = sum(rounds.map((round) => round.updateSeconds));
  const referenceSeconds = sum(rounds.map(({ batches }) => batches.seconds.reference));
  const entropies = rounds.flatMap(({ batches }) =>
    [...batches.numbers.values()].flatMap(({ entropy }) => [...entropy]),
  );
  return {
    ...sampledMetrics(run, {
      ...own,
      prompts: sample.groups.map(({ prompt }) => prompt.item),
      rollouts: rolloutsOfRounds(rounds),
      sample,
      seconds: sample.seconds + referenceSeconds + updateSeconds,
    }),
    ...pairMetrics(
      rounds.flatMap(({ updates }) => updates),
      settings.hasReference,
    ),
    ...(!settings.hasReference && { "preference/step_kl": mean(rounds.map(({ stepKl }) => stepKl ?? 0)) }),
    "actor/entropy": mean(entropies),
    ...firstDifference(rounds[0]!),
    ...(settings.hasReference && { "timing_s/ref": referenceSeconds }),
    "timing_s/update_actor": updateSeconds,
  };
}

/** A mean over the pairs of all updates, not over updates: an update of few pairs counts for few. */
export function overPairs(
  updates: readonly PreferenceUpdate[],
  value: (update: PreferenceUpdate) => number,
): number {
  const withPairs = updates.filter(({ pairs }) => pairs > 0);
  const pairs = sum(withPairs.map((update) => update.pairs));
  return sum(withPairs.map((update) => value(update) * update.pairs)) / pairs;
}

/** What updates on pairs log, wherever the pairs are from. */
export function pairMetrics(updates: readonly PreferenceUpdate[], hasReference: boolean): MetricRow {
  const withPairs = updates.filter(({ pairs }) => pairs > 0);
  const pairs = sum(withPairs.map((update) => update.pairs));
  const over = (value: (update: PreferenceUpdate) => number): number => overPairs(updates, value);
  return {
    "preference/pairs": pairs,
    ...(pairs > 0 && {
      "preference/ranking_loss": over(({ loss }) => loss),
      "preference/accuracy": over(({ accuracy }) => accuracy),
      "preference/margin": over(({ margin }) => margin),
      "preference/chosen_log_prob": over(({ perToken }) => perToken.chosen),
      "preference/rejected_log_prob": over(({ perToken }) => perToken.rejected),
    }),
    ...(hasReference && { "preference/kl": mean(updates.map(({ klRef }) => klRef)) }),
    "actor/grad_norm": withPairs.length > 0 ? mean(withPairs.map(({ gradNorm }) => gradNorm)) : 0,
  };
}

/** Between sampling and the first pass; later ones come after an update, which is another matter. */
function firstDifference({ batches }: PreferenceRound): MetricRow {
  const [first] = batches.miniBatches;
  return samplerDifference([...new Set(first!.micros.flatMap(({ rollouts }) => rollouts))], batches);
}

/** The rollouts of all rounds, their groups numbered through. */
function rolloutsOfRounds(rounds: readonly PreferenceRound[]): PreferenceRound["rollouts"] {
  let groups = 0;
  return rounds.flatMap(({ sample, rollouts }) => {
    const first = groups;
    groups += sample.groups.length;
    return rollouts.map((rollout) => ({ ...rollout, group: first + rollout.group }));
  });
}

function mergedSample(samples: readonly StepSample[]): StepSample {
  const total = (value: (sample: StepSample) => number): number => sum(samples.map(value));
  const drawn = total((sample) => sample.drawn);
  return {
    step: samples[0]!.step,
    groups: samples.flatMap(({ groups }) => groups),
    drawn,
    rounds: total((sample) => sample.rounds),
    tokens: total((sample) => sample.tokens),
    keptShare: total((sample) => sample.keptShare * sample.drawn) / drawn,
    seconds: total((sample) => sample.seconds),
  };
}
