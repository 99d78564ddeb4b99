// The updates of a step: for each mini-batch forward, loss and backward of its micro-batches, then one AdamW step.

import { optimizerStep, readOptimizerStep } from "../optim/optimizer.ts";
import type { Micro, MiniBatch, StepBatches, TokenNumbers } from "./batches.ts";
import { keepNumbers, readNumbers, temperatureOf } from "./batches.ts";
import type { StepControl } from "./control.ts";
import { timed } from "./control.ts";
import { aggregationWeight } from "./losses/aggregate.ts";
import { clearLossStats, policyLoss, readLossStats, uploadReference } from "./losses/launch.ts";
import type { LossBatch, Objective } from "./losses/policy-loss.ts";
import { sequenceStarts } from "./losses/policy-loss.ts";
import { randomPerToken } from "./losses/selection.ts";
import type { LossStats } from "./losses/stats.ts";
import { adamwOptions, aggregationOf, objectiveOf } from "./options/index.ts";
import type { Run } from "./run.ts";
import type { JudgedRollout } from "./score.ts";

/** More than a step has; numbers the micro-batches of a run for losses that choose tokens at random. */
const MICRO_BATCHES = 65536;

/** Advantages of the tokens of every rollout, [length]. */
export type Advantages = ReadonlyMap<JudgedRollout, Float64Array>;

/** What became of one mini-batch. */
export interface UpdateResult {
  readonly stats: LossStats;
  /** Length of the gradient before clipping; 0 when it is not finite. */
  readonly gradNorm: number;
  /** A gradient was not finite, and nothing has changed. */
  readonly isSkipped: boolean;
}

export interface StepUpdate {
  readonly updates: readonly UpdateResult[];
  readonly lr: number;
  readonly seconds: number;
}

/** Takes all updates of a step. `optimizerSteps` is how many the run has taken. Throws Interrupted before the first. */
export async function updatePolicy(
  run: Run,
  { miniBatches, numbers }: StepBatches,
  advantages: Advantages,
  optimizerSteps: number,
  control: StepControl,
): Promise<StepUpdate> {
  const updates: UpdateResult[] = [];
  const adamw = adamwOptions(run.config, control.step);
  const epochs = run.config["actor_rollout_ref.actor.ppo_epochs"];
  const total = epochs * miniBatches.reduce((sum, { micros }) => sum + micros.length, 0);
  let done = 0;
  control.progress("update", 0, total);
  const { recorder } = run.policy;
  const objective = objectiveOf(run.config);
  const { seconds } = await timed(async () => {
    for (const { micros, counts } of Array.from({ length: epochs }, () => miniBatches).flat()) {
      run.policy.clearGradients();
      clearLossStats(recorder, run.lossMemory);
      for (const micro of micros) {
        control.check();
        // No other micro-batch of the run has this number, whatever the settings.
        const stream = control.step * MICRO_BATCHES + done;
        const batch = lossBatch(run, objective, micro, advantages, counts, stream);
        const found = await accumulate(run, objective, micro, batch);
        if (!micro.oldLogProb) keepNumbers(micro, found, numbers);
        control.progress("update", ++done, total);
      }
      control.commit();
      const step = optimizerSteps + updates.filter(({ isSkipped }) => !isSkipped).length + 1;
      optimizerStep(recorder, run.policy.memory, step, adamw);
      updates.push(await resultOf(run));
    }
  });
  return { updates, lr: adamw.lr, seconds };
}

/**
 * Forward, loss and backward of one micro-batch: adds to the gradients and to the counts. Waits for the device, so that no
 * more than one micro-batch is under way and a pause is answered between two.
 */
async function accumulate(
  run: Run,
  objective: Objective,
  micro: Micro,
  batch: LossBatch,
): Promise<TokenNumbers> {
  const { policy, lossMemory: memory } = run;
  const { head } = policy.memory;
  policy.forward(micro.batch, { temperature: temperatureOf(run), useAdapter: true });
  if (objective.kl) uploadReference(policy.recorder, memory, micro.refLogProb!);
  policyLoss(policy.recorder, { memory, head, batch, objective });
  policy.backward();
  return readNumbers(run, micro);
}

function lossBatch(
  { config }: Run,
  objective: Objective,
  { batch, rollouts, oldLogProb }: Micro,
  advantages: Advantages,
  counts: MiniBatch["counts"],
  stream: number,
): LossBatch {
  const { policy, penalty, tokenNormaliser } = aggregationOf(config, objective);
  const weights = (mode: typeof policy): Float64Array =>
    Float64Array.from(rollouts, ({ tokens }) =>
      aggregationWeight(mode, tokens.length, { ...counts, tokenNormaliser }),
    );
  return {
    oldLogProb: oldLogProb ?? "current",
    advantage: Float64Array.from(batch.sources, ({ token }, i) => advantages.get(rollouts[i]!)![token]!),
    weight: weights(policy),
    penaltyWeight: weights(penalty),
    sequenceStarts: sequenceStarts(batch.sources),
    random: randomPerToken([config["data.seed"], stream], rollouts.length),
  };
}

async function resultOf({ policy, lossMemory }: Run): Promise<UpdateResult> {
  const { recorder, memory } = policy;
  const [stats, taken] = await Promise.all([
    readLossStats(recorder, lossMemory),
    readOptimizerStep(recorder, memory),
  ]);
  return { stats, ...taken };
}
