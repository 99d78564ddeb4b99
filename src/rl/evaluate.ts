// How good the policy is at held-out problems: one greedy response to each, judged strictly and flexibly.

import type { StepControl } from "./control.ts";
import { timed } from "./control.ts";
import type { Accuracy, Evaluation, EvaluationSample } from "./events.ts";
import { answerGreedily } from "./generate.ts";
import { STEP, VAL_FLEXIBLE, VAL_HIGH, VAL_LOW, VAL_STRICT } from "./metrics.ts";
import type { MetricRow } from "./metrics.ts";
import { answerMatches } from "./rewards/gsm8k.ts";
import type { Run } from "./run.ts";

/** The two-sided 95 % point of the normal distribution. */
const Z = 1.959964;

/** Share `hits / n` with Wilson's 95 % interval, which is right for small n and for shares near 0 and 1. */
export function accuracyOf(hits: number, n: number): Accuracy {
  const mean = hits / n;
  const centre = (mean + (Z * Z) / (2 * n)) / (1 + (Z * Z) / n);
  const half = (Z / (1 + (Z * Z) / n)) * Math.sqrt((mean * (1 - mean)) / n + (Z * Z) / (4 * n * n));
  return { mean, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/** Answers the held-out problems greedily. Throws Interrupted when it is left. */
export async function evaluate(
  run: Run,
  control: StepControl,
): Promise<{ evaluation: Evaluation; seconds: number }> {
  const { heldOut, model } = run;
  const prompts = heldOut.map(({ tokens }, key) => ({ tokens, key }));
  const { value: responses, seconds } = await timed(() => answerGreedily(run, prompts, "evaluate", control));
  const samples = heldOut.map(({ problem }, i): EvaluationSample => {
    const response = model.tokenizer.decode(responses[i]!.tokens, { skipSpecialTokens: true });
    const { question, groundTruth } = problem;
    const { strict, flexible } = answerMatches(response, groundTruth);
    return { question, groundTruth, response, isStrict: strict, isFlexible: flexible };
  });
  const n = samples.length;
  const evaluation = {
    step: control.step,
    n,
    strict: accuracyOf(samples.filter(({ isStrict }) => isStrict).length, n),
    flexible: accuracyOf(samples.filter(({ isFlexible }) => isFlexible).length, n),
    responseLength: responses.reduce((sum, { tokens }) => sum + tokens.length, 0) / n,
    samples,
  };
  return { evaluation, seconds };
}

/** The metrics of an evaluation. */
export const evaluationRow = (
  { step, n, strict, flexible, responseLength }: Evaluation,
  seconds: number,
): MetricRow => ({
  [STEP]: step,
  [VAL_STRICT]: strict.mean,
  [VAL_LOW]: strict.low,
  [VAL_HIGH]: strict.high,
  [VAL_FLEXIBLE]: flexible.mean,
  "val-aux/n": n,
  "val-aux/response_length/mean": responseLength,
  "timing_s/testing": seconds,
});
