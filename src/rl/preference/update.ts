// The updates of preference: before each, a pass that says how likely the responses of its pairs are now; then the gradient of
// the loss, which is one number a response, goes back through the policy. Exact wherever micro-batches cut a group.

import { optimizerStep, readOptimizerStep } from "../../optim/optimizer.ts";
import type { MiniBatch, StepBatches, TokenNumbers } from "../batches.ts";
import type { StepControl } from "../control.ts";
import type { PairSettings } from "../options/index.ts";
import { adamwOptions } from "../options/index.ts";
import type { Run } from "../run.ts";
import type { JudgedRollout } from "../score.ts";
import type { Paired, PairMeans } from "./judge.ts";
import { judgePairs } from "./judge.ts";
import { forward, numbersOf } from "./pass.ts";

/** What the pairs of one update came to, before it. */
export interface PreferenceUpdate extends PairMeans {
  /** Length of the gradient before clipping; 0 when it is not finite, or there are no pairs. */
  readonly gradNorm: number;
  /** Without pairs there is nothing to learn, and no update is taken: AdamW would drift on. */
  readonly outcome: "applied" | "skipped" | "without pairs";
  /** -dLoss/dlogProb of every token, times the tokens of the update: the advantage with the same gradient. */
  readonly advantages: ReadonlyMap<JudgedRollout, number>;
}

/**
 * Takes all updates on `batches`, which hold log-probabilities of the reference where there is one, and fills `numbers` with
 * what each rollout's first pass says. `choosePairs` says who is preferred to whom within a mini-batch. `optimizerSteps` is how
 * many the run has taken. Throws Interrupted before the first.
 */
export async function updateOnPreference(
  run: Run,
  settings: PairSettings,
  batches: StepBatches,
  choosePairs: (batch: MiniBatch) => Paired,
  optimizerSteps: number,
  control: StepControl,
): Promise<PreferenceUpdate[]> {
  const epochs = run.config["actor_rollout_ref.actor.ppo_epochs"];
  const total = 2 * epochs * batches.miniBatches.reduce((sum, { micros }) => sum + micros.length, 0);
  const updates: PreferenceUpdate[] = [];
  let [done, applied] = [0, 0];
  const tell = (count: number): void => control.progress("update", (done += count), total);
  tell(0);
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const batch of batches.miniBatches) {
      const paired = choosePairs(batch);
      const numbers = await numbersOf(run, batch.micros, { useAdapter: true, control, tell: () => tell(1) });
      if (epoch === 0)
        for (const [rollout, found] of numbers) copyNumbers(found, batches.numbers.get(rollout)!);
      const logProbs = new Map([...numbers].map(([rollout, { logProb }]) => [rollout, logProb]));
      const { means, slopes } = judgePairs(paired, logProbs, batches.reference, settings);
      const result = { ...means, advantages: advantagesOf(slopes, batch) };
      if (paired.pairs.length === 0) {
        updates.push({ ...result, gradNorm: 0, outcome: "without pairs" });
        tell(batch.micros.length);
        continue;
      }
      const { gradNorm, isSkipped } = await take(run, batch, slopes, {
        control,
        step: optimizerSteps + applied + 1,
        tell: () => tell(1),
      });
      if (!isSkipped) applied++;
      updates.push({ ...result, gradNorm, outcome: isSkipped ? "skipped" : "applied" });
    }
  }
  return updates;
}

function copyNumbers(from: TokenNumbers, to: TokenNumbers): void {
  to.logProb.set(from.logProb);
  to.entropy.set(from.entropy);
}

const advantagesOf = (
  slopes: ReadonlyMap<JudgedRollout, number>,
  { counts }: MiniBatch,
): ReadonlyMap<JudgedRollout, number> =>
  // Adding 0 turns -0 into 0.
  new Map([...slopes].map(([rollout, slope]) => [rollout, 0 - slope * counts.tokens]));

interface Taking {
  readonly control: StepControl;
  /** Number of the optimiser step, the first being 1. */
  readonly step: number;
  readonly tell: () => void;
}

/** Forward and backward of every micro-batch with the slope of each rollout on its tokens, then one AdamW step. */
async function take(
  run: Run,
  { micros }: MiniBatch,
  slopes: ReadonlyMap<JudgedRollout, number>,
  { control, step, tell }: Taking,
): Promise<{ gradNorm: number; isSkipped: boolean }> {
  const { policy } = run;
  const { recorder, memory } = policy;
  policy.clearGradients();
  for (const micro of micros) {
    control.check();
    forward(run, micro, true);
    policy.setTargetGradients(Float32Array.from(micro.rollouts, (rollout) => slopes.get(rollout)!));
    policy.backward();
    await recorder.done();
    tell();
  }
  control.commit();
  optimizerStep(recorder, memory, step, adamwOptions(run.config, control.step));
  return readOptimizerStep(recorder, memory);
}
