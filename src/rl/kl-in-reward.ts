// KL in the reward as a part of a step: takes the penalty off the scores, and moves the coefficient on.

import type { StepBatches } from "./batches.ts";
import type { KlControlState } from "./kl-control.ts";
import { applyKlToRewards, klControlNext, klControlStart } from "./kl-control.ts";
import type { MetricRow } from "./metrics.ts";
import { bypassLossOf, klRewardOf } from "./options/index.ts";
import type { Run } from "./run.ts";
import type { JudgedRollout } from "./score.ts";

export interface KlInReward {
  /** [rollouts][length]. */
  readonly tokenRewards: readonly Float64Array[];
  /** For the next step. */
  readonly state: KlControlState;
  readonly metrics: MetricRow;
}

/** Token rewards with the penalty off; undefined when the run has none. `state` is that after the step before. */
export function klInReward(
  { config }: Run,
  rollouts: readonly JudgedRollout[],
  { numbers, reference }: StepBatches,
  state: KlControlState | undefined,
): KlInReward | undefined {
  const settings = klRewardOf(config);
  if (!settings) return undefined;
  const { coef } = state ?? klControlStart(settings);
  const { tokenRewards, kl } = applyKlToRewards({
    tokenScores: rollouts.map(({ tokens: { length }, reward }) =>
      Float64Array.from({ length }, (_, t) => (t === length - 1 ? reward.score : 0)),
    ),
    // In bypass mode the sampler is the old policy, as in verl.
    oldLogProb: rollouts.map((rollout) =>
      bypassLossOf(config) ? rollout.samplerLogProb : numbers.get(rollout)!.logProb,
    ),
    refLogProb: rollouts.map((rollout) => reference.get(rollout)!),
    type: settings.penalty,
    coef,
  });
  return {
    tokenRewards,
    state: klControlNext(settings, { coef }, kl, rollouts.length),
    metrics: { "actor/reward_kl_penalty": kl, "actor/reward_kl_penalty_coeff": coef },
  };
}
