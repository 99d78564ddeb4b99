// One training step, as a picture: prompts, responses, rewards, advantages, updates, numbers. Each arrow is a file.

import type { RolloutResponse } from "../rollout/engine.ts";
import type { StepControl } from "./control.ts";
import { timed } from "./control.ts";
import { generateGroups } from "./generate.ts";
import type { StepPrompt } from "./generate.ts";
import type { MetricRow } from "./metrics.ts";
import { batchAt } from "./prompts.ts";
import type { Run } from "./run.ts";
import { scoreRollouts } from "./score.ts";
import { scoredGroup } from "./scored-group.ts";
import { sftStep } from "./sft.ts";
import { adamwOptions } from "./options.ts";
import { rlMetrics, sftMetrics } from "./step-metrics.ts";
import { sftExamples } from "./sft-examples.ts";
import { updatePolicy } from "./update.ts";

/** Responses of a step that was left before its first update; taken up again instead of sampled anew. */
export interface PendingRollout {
  readonly step: number;
  readonly responses: readonly (readonly RolloutResponse[])[];
  readonly seconds: number;
}

export interface StepResult {
  readonly metrics: MetricRow;
  /** Updates that were applied, and those left out because a gradient was not finite. */
  readonly applied: number;
  readonly skipped: number;
}

/** Prompts of this step. */
function promptsAt({ config, train }: Run, step: number): StepPrompt[] {
  return batchAt(train, step, {
    batchSize: config["data.train_batch_size"],
    seed: config["data.seed"],
    shuffle: config["data.shuffle"],
  });
}

/**
 * One step of reinforcement learning. `optimizerSteps` is how many updates the run has taken; `keep` is called with the
 * responses as soon as they are there. Throws Interrupted when it was asked to leave and nothing has changed yet.
 */
export async function rlStep(
  run: Run,
  optimizerSteps: number,
  control: StepControl,
  pending: PendingRollout | undefined,
  keep: (rollout: PendingRollout) => void,
): Promise<StepResult> {
  const { step } = control;
  const prompts = promptsAt(run, step);
  const rollout = pending?.step === step ? pending : await generate(run, prompts, control);
  keep(rollout);
  const rollouts = scoreRollouts(run, prompts, rollout.responses);
  const items = prompts.map(({ item }) => item);
  const update = await updatePolicy(run, items, rollouts, optimizerSteps, control);
  control.emit({ type: "scored", step, responses: scoredGroup(run, rollouts, update) });
  const skipped = update.updates.filter(({ isSkipped }) => isSkipped).length;
  const metrics = rlMetrics(run, { step, prompts: items, rollouts, update, rolloutSeconds: rollout.seconds });
  return { metrics, applied: update.updates.length - skipped, skipped };
}

async function generate(
  run: Run,
  prompts: readonly StepPrompt[],
  control: StepControl,
): Promise<PendingRollout> {
  const { value: responses, seconds } = await timed(() => generateGroups(run, prompts, control));
  return { step: control.step, responses, seconds };
}

/** One step of supervised fine-tuning on the worked answers. */
export async function supervisedStep(
  run: Run,
  optimizerSteps: number,
  control: StepControl,
): Promise<StepResult> {
  const { step } = control;
  const examples = sftExamples(
    run,
    promptsAt(run, step).map(({ item }) => item),
  );
  const adamw = adamwOptions(run.config, step);
  control.progress("update", 0, 1);
  control.commit();
  const { value, seconds } = await timed(() =>
    sftStep(run.policy, examples, { step: optimizerSteps + 1, adamw, temperature: 1 }),
  );
  control.progress("update", 1, 1);
  const metrics = sftMetrics(run, { step, examples, result: value, lr: adamw.lr, seconds });
  return { metrics, applied: value.skipped ? 0 : 1, skipped: value.skipped ? 1 : 0 };
}
