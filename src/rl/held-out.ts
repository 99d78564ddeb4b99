// One evaluation: greedy answers to the held-out problems that have one, and preference on held-out pairs.

import type { StepControl } from "./control.ts";
import { evaluate, evaluationRow } from "./evaluate.ts";
import type { Evaluation } from "./events.ts";
import { STEP, VAL_PAIRS, VAL_STRICT } from "./metrics.ts";
import type { MetricRow } from "./metrics.ts";
import { evaluatePairs } from "./preference/evaluate-pairs.ts";
import type { Run } from "./run.ts";
import type { RunProgress } from "./state.ts";

const SECONDS = "timing_s/testing";

/** Whether there is something to evaluate on. */
export const hasHeldOut = ({ heldOut, heldOutPairs }: Run): boolean =>
  heldOut.length + heldOutPairs.length > 0;

/** Whether exactly these weights were evaluated. */
export const isEvaluated = ({ step, history }: RunProgress): boolean =>
  history.at(-1)?.[STEP] === step && history.at(-1)?.[SECONDS] !== undefined;

/** Strict accuracy of exactly these weights, or on pairs where nothing was answered; undefined where they were not evaluated. */
export const heldOutAccuracy = ({ history }: RunProgress): number | undefined =>
  history.at(-1)?.[VAL_STRICT] ?? history.at(-1)?.[VAL_PAIRS];

/** The numbers of an evaluation; `evaluation` has the answers, where problems were answered. Throws Interrupted when it is left. */
export async function evaluateHeldOut(
  run: Run,
  control: StepControl,
): Promise<{ row: MetricRow; evaluation?: Evaluation }> {
  const answers = run.heldOut.length > 0 ? await evaluate(run, control) : undefined;
  const pairs = run.heldOutPairs.length > 0 ? await evaluatePairs(run, control) : undefined;
  return {
    row: {
      ...(answers && evaluationRow(answers.evaluation, answers.seconds)),
      ...pairs?.row,
      [STEP]: control.step,
      [SECONDS]: (answers?.seconds ?? 0) + (pairs?.seconds ?? 0),
    },
    ...(answers && { evaluation: answers.evaluation }),
  };
}
