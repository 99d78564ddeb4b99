// One training step, as a picture: prompts, responses, rewards, values, advantages, updates, numbers. Each arrow is a file.

import { inputsOf } from "./advantage-inputs.ts";
import { prepareBatches } from "./batches.ts";
import type { StepControl } from "./control.ts";
import { timed } from "./control.ts";
import { askCritic, teachCritic } from "./critic/step.ts";
import type { EntropyControlState } from "./entropy-control.ts";
import { withGreedyBaseline } from "./greedy-baseline.ts";
import type { KlControlState } from "./kl-control.ts";
import { klInReward } from "./kl-in-reward.ts";
import type { MetricRow } from "./metrics.ts";
import { adamwOptions, orderOf, trainsPolicy } from "./options/index.ts";
import { promptsFrom } from "./prompts.ts";
import type { Run } from "./run.ts";
import type { StepSample } from "./sample.ts";
import { sampleStep } from "./sample.ts";
import { advantagesFor, rolloutsOf } from "./score.ts";
import { scoredGroup } from "./scored-group.ts";
import { sftStep } from "./sft.ts";
import { sftExamples } from "./sft-examples.ts";
import type { RunProgress } from "./state.ts";
import { rlMetrics, sftMetrics } from "./step-metrics.ts";
import type { StepUpdate } from "./update.ts";
import { updatePolicy } from "./update.ts";

/** Updates that were applied, and those left out because a gradient was not finite. */
export interface StepOutcome {
  readonly applied: number;
  readonly skipped: number;
}

export interface StepResult extends StepOutcome {
  readonly metrics: MetricRow;
  /** Of the critic; absent without one. */
  readonly critic?: StepOutcome;
  /** Prompts taken. */
  readonly drawn: number;
  /** Where the controller of KL in the reward stands now. */
  readonly klControl?: KlControlState;
  /** Where the controller of the entropy bonus stands now. */
  readonly entropyControl?: EntropyControlState;
}

/**
 * One step of reinforcement learning after `progress`. A `pending` sample of this step is taken up; `keep` is called with the
 * sample as soon as it is there. Throws Interrupted when it was asked to leave and nothing has changed yet.
 */
export async function rlStep(
  run: Run,
  progress: RunProgress,
  control: StepControl,
  pending: StepSample | undefined,
  keep: (sample: StepSample) => void,
): Promise<StepResult> {
  const { step } = control;
  const sampled = pending?.step === step ? pending : await sampleStep(run, progress.drawn, control);
  keep(sampled);
  const sample = await withGreedyBaseline(run, sampled, control);
  keep(sample);
  const prompts = sample.groups.map(({ prompt }) => prompt.item);
  const rollouts = rolloutsOf(sample.groups.map(({ responses }) => responses));
  const batches = await prepareBatches(run, prompts, rollouts, control);
  const opinion = await askCritic(run, rollouts, batches, control);
  const kl = klInReward(run, rollouts, batches, progress.klControl);
  const inputs = {
    ...inputsOf(rollouts, sample, batches),
    ...(opinion && { values: rollouts.map((rollout) => opinion.values.get(rollout)!) }),
    ...(kl && { tokenRewards: kl.tokenRewards }),
  };
  const advantages = advantagesFor(run, rollouts, inputs);
  const lesson = { rollouts, batches, inputs };
  const critic = opinion && (await teachCritic(run, opinion, lesson, progress.critic, control));
  const update = trainsPolicy(run.config, step)
    ? await updatePolicy(run, batches, advantages, progress, control)
    : NO_UPDATE;
  if (update.empty > 0) tellEmpty(control, update.empty);
  const { question, groundTruth } = prompts[0]!.problem;
  const responses = scoredGroup(run, rollouts, batches, advantages);
  control.emit({ type: "scored", step, question, groundTruth, responses });
  const drawn = progress.drawn + sample.drawn;
  const metrics = rlMetrics(run, {
    step,
    prompts,
    rollouts,
    batches,
    advantages,
    update,
    sample,
    drawn,
    ...(kl && { tokenRewards: kl.tokenRewards }),
    criticSeconds: critic?.seconds ?? 0,
  });
  return {
    metrics: { ...metrics, ...kl?.metrics, ...critic?.metrics },
    ...outcomeOf(update.updates),
    drawn: sample.drawn,
    ...(critic && { critic: outcomeOf(critic.updates) }),
    ...(kl && { klControl: kl.state }),
    ...(update.entropyControl && { entropyControl: update.entropyControl }),
  };
}

function tellEmpty(control: StepControl, count: number): void {
  const updates = count === 1 ? "One update" : `${count} updates`;
  control.emit({
    type: "notice",
    message: `Step ${control.step}: ${updates} left out because every response of it was cut off, empty or rejected; the weights are as before. If this goes on, allow longer responses or looser bounds.`,
  });
}

/** A step in which only the critic learns. */
const NO_UPDATE: StepUpdate = { updates: [], empty: 0, lr: 0, seconds: 0 };

function outcomeOf(updates: readonly { readonly isSkipped: boolean }[]): StepOutcome {
  const skipped = updates.filter(({ isSkipped }) => isSkipped).length;
  return { applied: updates.length - skipped, skipped };
}

/** One step of supervised fine-tuning on the worked answers, after `progress`. */
export async function supervisedStep(
  run: Run,
  { optimizerSteps, drawn }: RunProgress,
  control: StepControl,
): Promise<StepResult> {
  const { step } = control;
  const count = run.config["data.train_batch_size"];
  const prompts = promptsFrom(run.train, drawn, count, orderOf(run.config));
  const examples = sftExamples(
    run,
    prompts.map(({ item }) => item),
  );
  const adamw = adamwOptions(run.config, step);
  control.progress("update", 0, 1);
  control.commit();
  const { value, seconds } = await timed(() =>
    sftStep(run.policy, examples, { step: optimizerSteps + 1, adamw, temperature: 1 }),
  );
  control.progress("update", 1, 1);
  const metrics = sftMetrics(run, {
    step,
    examples,
    result: value,
    lr: adamw.lr,
    seconds,
    drawn: drawn + count,
  });
  return { metrics, applied: value.skipped ? 0 : 1, skipped: value.skipped ? 1 : 0, drawn: count };
}
