// One step of offline preference (DPO), as a picture: pairs from the data, what the reference says of them, updates, numbers.

import { BugError } from "../../common/errors.ts";
import { mean, sum } from "../../common/numbers.ts";
import type { StepBatches } from "../batches.ts";
import { prepareBatches } from "../batches.ts";
import type { StepControl } from "../control.ts";
import { timed } from "../control.ts";
import type { MetricRow } from "../metrics.ts";
import type { PairSettings } from "../options/index.ts";
import { adamwOptions, orderOf, pairsOf } from "../options/index.ts";
import type { Prompt } from "../prompts.ts";
import { promptsFrom } from "../prompts.ts";
import type { Run } from "../run.ts";
import type { JudgedRollout } from "../score.ts";
import { scoredGroup } from "../scored-group.ts";
import type { RunProgress } from "../state.ts";
import { commonMetrics } from "../step-metrics.ts";
import type { StepResult } from "../step.ts";
import { driftNotice } from "./drift.ts";
import { givenRollouts } from "./given-pairs.ts";
import { givenPairs } from "./judge.ts";
import { responseLogProb } from "./loss.ts";
import { overPairs, pairMetrics } from "./metrics.ts";
import type { PreferenceUpdate } from "./update.ts";
import { updateOnPreference } from "./update.ts";

/** One step of offline preference after `progress`. Throws Interrupted when it was asked to leave and nothing has changed yet. */
export async function dpoStep(
  run: Run,
  { optimizerSteps, drawn, history }: RunProgress,
  control: StepControl,
): Promise<StepResult> {
  const { config, train } = run;
  const settings = pairsOf(config);
  if (!settings) throw new BugError("a step of offline preference in a run of another method");
  const count = config["data.train_batch_size"];
  const prompts = promptsFrom(train, drawn, count, orderOf(config)).map(({ item }) => item);
  const rollouts = givenRollouts(prompts);
  tellPair(prompts[0]!, control);
  const batches = await prepareBatches(run, prompts, rollouts, control);
  const { value: updates, seconds } = await timed(() =>
    updateOnPreference(run, settings, batches, givenPairs, optimizerSteps, control),
  );
  tellScored(run, prompts[0]!, rollouts.slice(0, 2), { settings, batches, updates }, control);
  const own = { step: control.step, lr: adamwOptions(config, control.step).lr, drawn: drawn + count };
  const metrics = {
    ...commonMetrics(run, own),
    ...dpoMetrics(settings, prompts, { batches, updates, seconds }),
  };
  const notice = settings.hasReference ? undefined : driftNotice(metrics, history, "gradus.dpo_reference");
  if (notice) control.emit({ type: "notice", message: notice });
  const taken = (outcome: PreferenceUpdate["outcome"]): number =>
    updates.filter((update) => update.outcome === outcome).length;
  return { metrics, applied: taken("applied"), skipped: taken("skipped"), drawn: count };
}

interface DpoNumbers {
  readonly batches: StepBatches;
  readonly updates: readonly PreferenceUpdate[];
  readonly seconds: number;
}

function dpoMetrics(
  { hasReference }: PairSettings,
  prompts: readonly Prompt[],
  { batches, updates, seconds: updateSeconds }: DpoNumbers,
): MetricRow {
  const reference = batches.seconds.reference;
  const seconds = reference + updateSeconds;
  const entropies = [...batches.numbers.values()].flatMap(({ entropy }) => [...entropy]);
  const tokens = sum(
    prompts.map(
      ({ tokens: prompt, pair }) => 2 * prompt.length + pair!.chosen.length + pair!.rejected.length,
    ),
  );
  const over = (value: (update: PreferenceUpdate) => number): number => overPairs(updates, value);
  return {
    ...pairMetrics(updates, hasReference),
    "rewards/chosen": over(({ reward }) => reward.chosen),
    "rewards/rejected": over(({ reward }) => reward.rejected),
    "rewards/margins": over(({ reward }) => reward.chosen - reward.rejected),
    "logps/chosen": over(({ logProb }) => logProb.chosen),
    "logps/rejected": over(({ logProb }) => logProb.rejected),
    "actor/entropy": mean(entropies),
    "perf/total_num_tokens": tokens,
    "perf/throughput": tokens / seconds,
    ...(hasReference && { "timing_s/ref": reference }),
    "timing_s/update_actor": updateSeconds,
    "timing_s/step": seconds,
  };
}

/** Shows the first pair while the step learns from it. */
function tellPair(
  { problem: { question, groundTruth, pair }, pair: tokens }: Prompt,
  control: StepControl,
): void {
  const { step } = control;
  control.emit({ type: "group", step, question, groundTruth, samples: 2 });
  const responses = (["chosen", "rejected"] as const).map((which) => ({
    text: pair![which],
    length: tokens![which].length,
    isFinished: true,
  }));
  control.emit({ type: "responses", step, responses });
}

/** Shows it with what each response counts for: as reward its implicit one, as ratio that to the reference. */
function tellScored(
  run: Run,
  { problem: { question, groundTruth } }: Prompt,
  pair: readonly JudgedRollout[],
  {
    settings,
    batches,
    updates,
  }: Pick<DpoNumbers, "batches" | "updates"> & { readonly settings: PairSettings },
  control: StepControl,
): void {
  const advantages = new Map(
    pair.map((rollout) => {
      const update = updates.find((one) => one.advantages.has(rollout));
      return [rollout, new Float64Array(rollout.tokens.length).fill(update?.advantages.get(rollout) ?? 0)];
    }),
  );
  const responses = scoredGroup(run, pair, batches, advantages).map((response, i) => {
    const { logProb } = batches.numbers.get(pair[i]!)!;
    const reference = batches.reference.get(pair[i]!);
    const score = responseLogProb(logProb, settings.logProb);
    const reward = settings.beta * (score - (reference ? responseLogProb(reference, settings.logProb) : 0));
    const tokens = response.tokens.map((token, t) => ({
      ...token,
      importanceRatio: reference ? Math.exp(logProb[t]! - reference[t]!) : 1,
    }));
    return { ...response, reward, tokens, verdict: i === 0 ? ("chosen" as const) : ("rejected" as const) };
  });
  control.emit({ type: "scored", step: control.step, question, groundTruth, responses });
}
