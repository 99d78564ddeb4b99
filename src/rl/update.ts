// The updates of a step: for each mini-batch forward, loss and backward of its micro-batches, then one AdamW step.

import { optimizerStep, readOptimizerStep } from "../optim/optimizer.ts";
import type { Micro, MiniBatch, StepBatches, TokenNumbers } from "./batches.ts";
import { keepNumbers, readNumbers, roomFor, temperatureOf } from "./batches.ts";
import type { StepControl } from "./control.ts";
import { timed } from "./control.ts";
import type { EntropyControlState } from "./entropy-control.ts";
import { entropyCoefficient, entropyControlNext, entropyControlStart } from "./entropy-control.ts";
import type { LossBatchArgs } from "./loss-batch.ts";
import { followsPolicy, lossBatchOf } from "./loss-batch.ts";
import { clearLossStats, policyLoss, readLossStats, uploadReference } from "./losses/launch.ts";
import type { LossBatch, Objective } from "./losses/policy-loss.ts";
import type { LossStats } from "./losses/stats.ts";
import { adamwOptions, entropyControlOf, needsOldPass, objectiveOf } from "./options/index.ts";
import type { Run } from "./run.ts";
import type { JudgedRollout } from "./score.ts";
import type { RunProgress } from "./state.ts";
import type { UpdateNumbers } from "./update-numbers.ts";
import { UpdateCount } from "./update-numbers.ts";

/** More than a step has; numbers the micro-batches of a run for losses that choose tokens at random. */
const MICRO_BATCHES = 65536;

/** Advantages of the tokens of every rollout, [length]. */
export type Advantages = ReadonlyMap<JudgedRollout, Float64Array>;

/** What became of one mini-batch. */
export interface UpdateResult extends UpdateNumbers {
  readonly stats: LossStats;
  /** Coefficient of the entropy bonus in this update. */
  readonly entropyCoef: number;
  /** Length of the gradient before clipping; 0 when it is not finite. */
  readonly gradNorm: number;
  /** A gradient was not finite, and nothing has changed. */
  readonly isSkipped: boolean;
}

export interface StepUpdate {
  readonly updates: readonly UpdateResult[];
  /** Mini-batches that had no token to train on: nothing was updated for them. */
  readonly empty: number;
  /** Where the controller of the entropy bonus stands now; absent without one. */
  readonly entropyControl?: EntropyControlState;
  readonly lr: number;
  readonly seconds: number;
}

/** Takes all updates of a step after `progress`. Throws Interrupted before the first. */
export async function updatePolicy(
  run: Run,
  batches: StepBatches,
  advantages: Advantages,
  progress: Pick<RunProgress, "optimizerSteps" | "entropyControl">,
  control: StepControl,
): Promise<StepUpdate> {
  const adamw = adamwOptions(run.config, control.step);
  const epochs = run.config["actor_rollout_ref.actor.ppo_epochs"];
  const plan = Array.from({ length: epochs }, () => batches.miniBatches).flat();
  const updates: UpdateResult[] = [];
  const pass = new UpdatePass(run, batches, advantages, control, plan);
  const settings = entropyControlOf(run.config);
  let bonus = settings && (progress.entropyControl ?? entropyControlStart(settings));
  const fixed = objectiveOf(run.config);
  let empty = 0;
  const { recorder } = run.policy;
  const { seconds } = await timed(async () => {
    for (const batch of plan) {
      const objective = bonus ? { ...fixed, entropyCoef: entropyCoefficient(settings!, bonus) } : fixed;
      const numbers = await pass.accumulate(batch, objective);
      if (numbers.tokens === 0) {
        empty++;
        continue;
      }
      control.commit();
      const step = progress.optimizerSteps + updates.filter(({ isSkipped }) => !isSkipped).length + 1;
      optimizerStep(recorder, run.policy.memory, step, adamw);
      const result = { ...numbers, entropyCoef: objective.entropyCoef, ...(await readUpdate(run)) };
      updates.push(result);
      const { entropy, tokens } = result.stats;
      if (bonus && !result.isSkipped) bonus = entropyControlNext(settings!, bonus, entropy / tokens);
    }
  });
  return { updates, empty, lr: adamw.lr, seconds, ...(bonus && { entropyControl: bonus }) };
}

/** Goes through the micro-batches of a step's updates, in order. */
class UpdatePass {
  readonly #run: Run;
  readonly #batches: StepBatches;
  readonly #advantages: Advantages;
  readonly #control: StepControl;
  /** Micro-batches of all updates, and those that are done. */
  readonly #total: number;
  #done = 0;
  /** Rollouts whose numbers before the first update are still to be kept. */
  readonly #unknown: Set<Micro>;

  constructor(
    run: Run,
    batches: StepBatches,
    advantages: Advantages,
    control: StepControl,
    plan: readonly MiniBatch[],
  ) {
    this.#run = run;
    this.#batches = batches;
    this.#advantages = advantages;
    this.#control = control;
    this.#total = plan.reduce((sum, { micros }) => sum + micros.length, 0);
    this.#unknown = new Set(
      needsOldPass(run.config, control.step) ? [] : plan.flatMap(({ micros }) => micros),
    );
    control.progress("update", 0, this.#total);
  }

  /** Adds the gradients of a mini-batch from 0; its counts say whether there is anything to update for. */
  async accumulate(miniBatch: MiniBatch, objective: Objective): Promise<UpdateNumbers> {
    const { policy, config, lossMemory } = this.#run;
    const isEmpty = miniBatch.counts.tokens === 0;
    policy.clearGradients();
    clearLossStats(policy.recorder, lossMemory);
    const current = roomFor(miniBatch.micros.flatMap(({ rollouts }) => rollouts));
    const count = new UpdateCount(config, objective);
    for (const micro of miniBatch.micros) {
      this.#control.check();
      const found = isEmpty
        ? await this.#look(micro)
        : await this.#train(miniBatch, objective, micro, (batch, numbers) =>
            count.add(micro, batch, numbers),
          );
      if (found) {
        if (this.#unknown.delete(micro)) keepNumbers(micro, found, this.#batches.numbers);
        keepNumbers(micro, found, current);
      }
      this.#control.progress("update", ++this.#done, this.#total);
    }
    return count.result(current);
  }

  /** What the policy says of tokens that nothing is learnt from, if it is not known. */
  async #look(micro: Micro): Promise<TokenNumbers | undefined> {
    if (!this.#unknown.has(micro)) return undefined;
    forward(this.#run, micro);
    return readNumbers(this.#run, micro);
  }

  /**
   * Forward, loss and backward of one micro-batch: adds to the gradients and to the counts. Waits for the device, so that no
   * more than one micro-batch is under way and a pause is answered between two.
   */
  async #train(
    { counts }: MiniBatch,
    objective: Objective,
    micro: Micro,
    tell: (batch: LossBatch, numbers: TokenNumbers) => void,
  ): Promise<TokenNumbers> {
    const run = this.#run;
    const { policy, config, lossMemory: memory } = run;
    const { treatment } = this.#batches;
    forward(run, micro);
    const current = followsPolicy(config, micro) ? await readNumbers(run, micro) : undefined;
    const stream = this.#control.step * MICRO_BATCHES + this.#done;
    const advantages = this.#advantages;
    const args: LossBatchArgs = {
      config,
      objective,
      micro,
      advantages,
      treatment,
      counts,
      stream,
      current,
    };
    const batch = lossBatchOf(args);
    if (objective.kl) uploadReference(policy.recorder, memory, micro.refLogProb!);
    policyLoss(policy.recorder, { memory, head: policy.memory.head, batch, objective });
    policy.backward();
    const numbers = current ?? (await readNumbers(run, micro));
    tell(batch, numbers);
    return numbers;
  }
}

const forward = (run: Run, { batch }: Micro): void =>
  run.policy.forward(batch, { temperature: temperatureOf(run), useAdapter: true });

async function readUpdate({
  policy,
  lossMemory,
}: Run): Promise<Pick<UpdateResult, "stats" | "gradNorm" | "isSkipped">> {
  const { recorder, memory } = policy;
  const [stats, taken] = await Promise.all([
    readLossStats(recorder, lossMemory),
    readOptimizerStep(recorder, memory),
  ]);
  return { stats, ...taken };
}
