// One step of group preference, as a picture: prompts, responses, rewards, pairs, updates; in rounds, each by the policy that
// the round before has left. What a pair teaches is loss.ts.

import { BugError } from "../../common/errors.ts";
import type { MiniBatch, StepBatches } from "../batches.ts";
import { prepareBatches } from "../batches.ts";
import { StepControl, StepRefused, timed } from "../control.ts";
import type { PreferenceSettings } from "../options/index.ts";
import { adamwOptions, preferenceOf } from "../options/index.ts";
import type { Run } from "../run.ts";
import type { StepSample } from "../sample.ts";
import { sampleStep } from "../sample.ts";
import type { JudgedRollout } from "../score.ts";
import { rolloutsOf } from "../score.ts";
import { scoredGroup } from "../scored-group.ts";
import type { RunProgress } from "../state.ts";
import type { StepResult } from "../step.ts";
import { driftNotice, stepKl } from "./drift.ts";
import type { Paired } from "./judge.ts";
import { pairsByRewards } from "./judge.ts";
import { preferenceMetrics } from "./metrics.ts";
import type { PreferenceUpdate } from "./update.ts";
import { updateOnPreference } from "./update.ts";

/** What a round has sampled and learnt. */
export interface PreferenceRound {
  readonly sample: StepSample;
  readonly rollouts: readonly JudgedRollout[];
  readonly batches: StepBatches;
  readonly updates: readonly PreferenceUpdate[];
  /** Mean k3 of a token between the policy before the updates and after them; measured where there is no reference. */
  readonly stepKl?: number;
  readonly updateSeconds: number;
}

/**
 * One step of group preference after `progress`. A `pending` sample of its first round is taken up; `keep` is called with that
 * sample as soon as it is there. Throws Interrupted when it was asked to leave and nothing has changed yet.
 */
export async function preferenceStep(
  run: Run,
  progress: RunProgress,
  control: StepControl,
  pending: StepSample | undefined,
  keep: (sample: StepSample) => void,
): Promise<StepResult> {
  const settings = preferenceOf(run.config);
  if (!settings) throw new BugError("a step of preference in a run of another method");
  const first = pending?.step === control.step ? pending : await sampleStep(run, progress.drawn, control);
  keep(first);
  const rounds = [await learnFrom(run, settings, first, progress.optimizerSteps, control)];
  await furtherRounds(run, settings, progress, control, rounds);
  const drawn = rounds.reduce((sum, { sample }) => sum + sample.drawn, 0);
  const metrics = preferenceMetrics(run, settings, rounds, {
    step: control.step,
    lr: adamwOptions(run.config, control.step).lr,
    drawn: progress.drawn + drawn,
  });
  const notice = settings.hasReference
    ? undefined
    : driftNotice(metrics, progress.history, "gradus.preference_reference");
  if (notice) control.emit({ type: "notice", message: notice });
  const skipped = countOf(rounds, "skipped");
  return { metrics, applied: countOf(rounds, "applied"), skipped, drawn };
}

const countOf = (rounds: readonly PreferenceRound[], outcome: PreferenceUpdate["outcome"]): number =>
  rounds.flatMap(({ updates }) => updates).filter((update) => update.outcome === outcome).length;

/** Adds the rounds after the first. The policy has changed by then, so they cannot be left: a pause waits for them. */
async function furtherRounds(
  run: Run,
  settings: PreferenceSettings,
  { drawn, optimizerSteps }: RunProgress,
  control: StepControl,
  rounds: PreferenceRound[],
): Promise<void> {
  const lasting = new StepControl(control.step, (event) => control.emit(event));
  while (rounds.length < settings.rounds) {
    const place = rounds.reduce((sum, { sample }) => sum + sample.drawn, drawn);
    try {
      const sample = await sampleStep(run, place, lasting);
      const taken = optimizerSteps + countOf(rounds, "applied");
      rounds.push(await learnFrom(run, settings, sample, taken, lasting));
    } catch (error) {
      if (!(error instanceof StepRefused)) throw error;
      const message = `Step ${control.step} ends after ${rounds.length} of ${settings.rounds} self-play rounds. ${error.message}`;
      return control.emit({ type: "notice", message });
    }
  }
}

async function learnFrom(
  run: Run,
  settings: PreferenceSettings,
  sample: StepSample,
  optimizerSteps: number,
  control: StepControl,
): Promise<PreferenceRound> {
  const prompts = sample.groups.map(({ prompt }) => prompt.item);
  const rollouts = rolloutsOf(sample.groups.map(({ responses }) => responses));
  const batches = await prepareBatches(run, prompts, rollouts, control);
  const choose = (batch: MiniBatch): Paired => pairsByRewards(batch, settings);
  const { value, seconds: updateSeconds } = await timed(async () => {
    const updates = await updateOnPreference(run, settings, batches, choose, optimizerSteps, control);
    return settings.hasReference
      ? { updates }
      : { updates, stepKl: await stepKl(run, batches, updates, control) };
  });
  tellScored(run, sample, rollouts, { batches, updates: value.updates }, control);
  return { sample, rollouts, batches, ...value, updateSeconds };
}

/** Shows the first group with what each response counts for. */
function tellScored(
  run: Run,
  { groups }: StepSample,
  rollouts: readonly JudgedRollout[],
  { batches, updates }: Pick<PreferenceRound, "batches" | "updates">,
  control: StepControl,
): void {
  const { question, groundTruth } = groups[0]!.prompt.item.problem;
  const advantages = new Map(
    rollouts.map((rollout) => {
      const update = updates.find((one) => one.advantages.has(rollout));
      return [rollout, new Float64Array(rollout.tokens.length).fill(update?.advantages.get(rollout) ?? 0)];
    }),
  );
  const responses = scoredGroup(run, rollouts, batches, advantages);
  control.emit({ type: "scored", step: control.step, question, groundTruth, responses });
}
