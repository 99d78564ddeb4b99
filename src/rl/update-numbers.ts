// What is counted on this side while the micro-batches of an update go by, beside the counts of the device: whether any token
// was left to learn from, ratios of whole responses, and what the options did that follow the policy.

import { mean, sum } from "../common/numbers.ts";
import type { Micro, TokenNumbers } from "./batches.ts";
import type { RunConfig } from "./config.ts";
import type { LossBatch, Objective } from "./losses/policy-loss.ts";
import { isCounted } from "./losses/policy-loss.ts";
import { offPolicyMask, sequenceRatios } from "./losses/token-options.ts";
import { atTargets } from "./loss-batch.ts";
import type { MetricRow } from "./metrics.ts";
import { bypassLossOf, correctionOf, driverOf } from "./options/index.ts";
import { correctRollouts } from "./rollout-correction.ts";
import type { JudgedRollout } from "./score.ts";

export interface UpdateNumbers {
  /** Tokens that were learnt from. */
  readonly tokens: number;
  /** Means over responses and rejection under the policy before this update, where the settings ask for them. */
  readonly metrics: MetricRow;
}

/** Counts over the micro-batches of one update. */
export class UpdateCount {
  readonly #config: RunConfig;
  readonly #hasSequenceRatio: boolean;
  readonly #ratios: number[] = [];
  /** Share of each response's tokens that the off-policy mask left out: all or none, where they have one advantage. */
  readonly #shareOff: number[] = [];
  #tokens = 0;

  constructor(config: RunConfig, { loss }: Objective) {
    this.#config = config;
    this.#hasSequenceRatio = loss.sequenceTerm !== undefined || driverOf(config).isSequenceLevel;
  }

  /** Takes a micro-batch with what the policy said of it. */
  add(
    micro: Micro,
    { oldLogProb, advantage, mask, sequenceStarts: starts }: LossBatch,
    { logProb }: TokenNumbers,
  ): void {
    const sequences = { logProb, starts, mask };
    this.#tokens += sum(Array.from(mask!));
    if (this.#hasSequenceRatio) this.#ratios.push(...sequenceRatios(sequences, oldLogProb));
    const { offPolicyThreshold } = driverOf(this.#config);
    if (offPolicyThreshold === undefined) return;
    const sampled = atTargets(micro, (rollout, token) => rollout.samplerLogProb[token]!);
    const kept = offPolicyMask(sequences, sampled, advantage, offPolicyThreshold);
    for (let s = 0; s + 1 < starts.length; s++) {
      const ofSequence = kept.slice(starts[s]!, starts[s + 1]!);
      const counted = ofSequence.filter((_, t) => isCounted(mask, starts[s]! + t));
      this.#shareOff.push(counted.length > 0 ? 1 - mean(counted) : 0);
    }
  }

  /** The numbers of the update; `current` is what the policy said of its rollouts. */
  result(current: ReadonlyMap<JudgedRollout, TokenNumbers>): UpdateNumbers {
    return {
      tokens: this.#tokens,
      metrics: {
        ...(this.#ratios.length > 0 && { "actor/seq_importance_ratio": mean(this.#ratios) }),
        ...(this.#shareOff.length > 0 && { "actor/off_policy_masked": mean(this.#shareOff) }),
        ...(this.#tokens > 0 && this.#correction(current)),
      },
    };
  }

  /** In bypass mode the distance to the sampler is that of the policy before each update. */
  #correction(current: ReadonlyMap<JudgedRollout, TokenNumbers>): MetricRow {
    if (!bypassLossOf(this.#config)) return {};
    const settings = correctionOf(this.#config) ?? { rejection: [] };
    const rollouts = [...current.keys()];
    return correctRollouts({
      oldLogProb: rollouts.map((rollout) => current.get(rollout)!.logProb),
      samplerLogProb: rollouts.map(({ samplerLogProb }) => samplerLogProb),
      settings,
    }).metrics;
  }
}
