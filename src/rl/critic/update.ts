// The updates of the critic in a step: for each mini-batch forward, value loss and backward of its micro-batches, then one
// AdamW step. The policy's are update.ts of the folder above.

import { optimizerStep, readOptimizerStep } from "../../optim/optimizer.ts";
import type { Micro, StepBatches } from "../batches.ts";
import type { StepControl } from "../control.ts";
import { timed } from "../control.ts";
import { atTargets } from "../loss-batch.ts";
import type { BatchCounts } from "../losses/aggregate.ts";
import { aggregationWeight } from "../losses/aggregate.ts";
import { sequenceLengths, sequenceStarts } from "../losses/policy-loss.ts";
import type { CriticSettings } from "../options/index.ts";
import { adamwOptions, criticOf, tokenNormaliserOf } from "../options/index.ts";
import type { Run } from "../run.ts";
import type { JudgedRollout } from "../score.ts";
import type { TokenTreatment } from "../token-treatment.ts";
import { clearValueStats, readValueStats, valueLoss } from "./launch.ts";
import type { RunCritic, Values } from "./run-critic.ts";
import type { ValueBatch, ValueStats } from "./value-loss.ts";

/** What the critic has said, and what it should have said, before every token of every rollout, [length]. */
export interface ValueTargets {
  readonly values: Values;
  readonly returns: ReadonlyMap<JudgedRollout, Float64Array>;
}

/** What became of one mini-batch. */
interface CriticUpdateResult {
  readonly stats: ValueStats;
  /** Length of the gradient before clipping; 0 when it is not finite. */
  readonly gradNorm: number;
  /** A gradient was not finite, and nothing has changed. */
  readonly isSkipped: boolean;
}

export interface CriticUpdate {
  readonly updates: readonly CriticUpdateResult[];
  readonly lr: number;
  readonly seconds: number;
}

/** Takes all updates of the critic on the tokens that are trained on; a mini-batch without any is left out. `optimizerSteps` is how many it has taken. Throws Interrupted before the first. */
export async function updateCritic(
  { config }: Run,
  critic: RunCritic,
  { miniBatches, treatment }: StepBatches,
  targets: ValueTargets,
  optimizerSteps: number,
  control: StepControl,
): Promise<CriticUpdate> {
  const settings = criticOf(config);
  const adamw = adamwOptions(config, control.step, "critic");
  const tokenNormaliser = tokenNormaliserOf(config);
  const batches = Array.from({ length: settings.epochs }, () => miniBatches).flat();
  const total = batches.reduce((sum, { micros }) => sum + micros.length, 0);
  const { model, lossMemory } = critic;
  const updates: CriticUpdateResult[] = [];
  let done = 0;
  control.progress("updateCritic", 0, total);
  const { seconds } = await timed(async () => {
    for (const { micros, counts } of batches) {
      if (counts.tokens === 0) {
        control.progress("updateCritic", (done += micros.length), total);
        continue;
      }
      model.clearGradients();
      clearValueStats(model.recorder, lossMemory);
      for (const micro of micros) {
        control.check();
        const batch = valueBatch(settings, micro, targets, treatment, { ...counts, tokenNormaliser });
        await accumulate(critic, micro, batch, settings);
        control.progress("updateCritic", ++done, total);
      }
      control.commit();
      const step = optimizerSteps + updates.filter(({ isSkipped }) => !isSkipped).length + 1;
      optimizerStep(model.recorder, model.memory, step, adamw);
      updates.push(await resultOf(critic));
    }
  });
  return { updates, lr: adamw.lr, seconds };
}

/** Forward, loss and backward of one micro-batch. Waits for the device, so that no more than one is under way. */
async function accumulate(
  { model, lossMemory: memory }: RunCritic,
  micro: Micro,
  batch: ValueBatch,
  { clip }: CriticSettings,
): Promise<void> {
  model.forward(micro.batch);
  valueLoss(model.recorder, { memory, critic: model.memory, batch, clip });
  model.backward();
  await model.recorder.done();
}

function valueBatch(
  { aggregation }: CriticSettings,
  micro: Micro,
  { values, returns }: ValueTargets,
  { mask: trained }: TokenTreatment,
  counts: BatchCounts,
): ValueBatch {
  const perToken = (of: ReadonlyMap<JudgedRollout, ArrayLike<number>>): Float64Array =>
    atTargets(micro, (rollout, token) => of.get(rollout)![token]!);
  const mask = perToken(trained);
  const lengths = sequenceLengths(sequenceStarts(micro.batch.sources), mask);
  return {
    oldValue: perToken(values),
    returns: perToken(returns),
    weight: lengths.map((length, r) => (mask[r] === 0 ? 0 : aggregationWeight(aggregation, length, counts))),
    mask,
  };
}

async function resultOf({ model, lossMemory }: RunCritic): Promise<CriticUpdateResult> {
  const [stats, taken] = await Promise.all([
    readValueStats(model.recorder, lossMemory),
    readOptimizerStep(model.recorder, model.memory),
  ]);
  return { stats, ...taken };
}
