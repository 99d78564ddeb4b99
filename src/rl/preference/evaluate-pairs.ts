// How well the policy tells held-out pairs apart: forward passes over their responses, nothing is written.

import { miniBatchesOf } from "../batches.ts";
import type { StepControl } from "../control.ts";
import { timed } from "../control.ts";
import { accuracyOf } from "../evaluate.ts";
import type { MetricRow } from "../metrics.ts";
import { VAL_PAIRS, VAL_PAIRS_HIGH, VAL_PAIRS_LOW } from "../metrics.ts";
import { pairsOf } from "../options/index.ts";
import type { Run } from "../run.ts";
import type { JudgedRollout } from "../score.ts";
import { givenRollouts } from "./given-pairs.ts";
import { givenPairs, judgePairs } from "./judge.ts";
import { numbersOf } from "./pass.ts";

type LogProbs = ReadonlyMap<JudgedRollout, Float32Array>;

/** What the held-out pairs come to, and the seconds it took. Throws Interrupted when it is left. */
export async function evaluatePairs(
  run: Run,
  control: StepControl,
): Promise<{ row: MetricRow; seconds: number }> {
  const settings = pairsOf(run.config)!;
  const prompts = run.heldOutPairs;
  const [batch] = miniBatchesOf(run, prompts, givenRollouts(prompts), prompts.length);
  const { micros } = batch!;
  const total = (settings.hasReference ? 2 : 1) * micros.length;
  let done = 0;
  control.progress("evaluate", 0, total);
  const pass = async (useAdapter: boolean): Promise<LogProbs> => {
    const tell = (): void => control.progress("evaluate", ++done, total);
    const numbers = await numbersOf(run, micros, { useAdapter, control, tell });
    return new Map([...numbers].map(([rollout, { logProb }]) => [rollout, logProb]));
  };
  const { value: means, seconds } = await timed(async () => {
    const policy = await pass(true);
    const reference: LogProbs = settings.hasReference ? await pass(false) : new Map();
    return judgePairs(givenPairs(batch!), policy, reference, settings).means;
  });
  const { pairs, loss, reward } = means;
  const accuracy = accuracyOf((means.accuracy + means.undecided / 2) * pairs, pairs);
  const row = {
    [VAL_PAIRS]: accuracy.mean,
    [VAL_PAIRS_LOW]: accuracy.low,
    [VAL_PAIRS_HIGH]: accuracy.high,
    "val-aux/preference/loss": loss,
    "val-aux/preference/margin": reward.chosen - reward.rejected,
    "val-aux/preference/n": pairs,
  };
  return { row, seconds };
}
