// The baseline of ReMax: one greedy response to every prompt of a step, judged as the sampled ones are. Comes after sampling,
// so that dynamic sampling answers greedily only what the step trains on.

import { mean } from "../common/numbers.ts";
import type { StepControl } from "./control.ts";
import { timed } from "./control.ts";
import { answerGreedily } from "./generate.ts";
import type { MetricRow } from "./metrics.ts";
import { advantagesNeed } from "./options/index.ts";
import type { Run } from "./run.ts";
import type { StepSample } from "./sample.ts";
import { judgeGroup } from "./score.ts";

export interface GreedyBaseline {
  /** Score of the greedy response to the prompt of each group, the penalty for length in it. */
  readonly scores: readonly number[];
  readonly seconds: number;
}

/**
 * `sample` with the baseline that the run's advantages need; as it is when they need none or it has one already. Throws
 * Interrupted when the step is left.
 */
export async function withGreedyBaseline(
  run: Run,
  sample: StepSample,
  control: StepControl,
): Promise<StepSample> {
  if (sample.greedyBaseline || !advantagesNeed(run.config, "greedy-baseline")) return sample;
  const prompts = sample.groups.map(({ prompt: { item, key } }) => ({ tokens: item.tokens, key }));
  const { value: responses, seconds } = await timed(() => answerGreedily(run, prompts, "greedy", control));
  const scores: number[] = [];
  for (const [i, { prompt }] of sample.groups.entries())
    scores.push((await judgeGroup(run, prompt, [responses[i]!]))[0]!.reward.score);
  return { ...sample, greedyBaseline: { scores, seconds } };
}

/** What a step logs of its baseline; nothing without one. */
export const greedyMetrics = ({ greedyBaseline }: StepSample): MetricRow =>
  greedyBaseline
    ? {
        "critic/remax_baseline/mean": mean(greedyBaseline.scores),
        "timing_s/gen_max": greedyBaseline.seconds,
      }
    : {};
