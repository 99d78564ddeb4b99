// Tells when a policy without a reference runs away: the loss of pairs asks only that the better response be likelier than the
// worse one, and is content when both become unlikely. How far a step has moved the policy is measured here, too.

import type { StepBatches } from "../batches.ts";
import type { StepControl } from "../control.ts";
import type { MetricRow } from "../metrics.ts";
import type { Run } from "../run.ts";
import { meanKl } from "./judge.ts";
import { numbersOf } from "./pass.ts";
import type { PreferenceUpdate } from "./update.ts";

/** Fall of the mean log-probability of a token since the first step, nats: the token is then about a third as likely. */
const DRIFT_NATS = 1;

const CHOSEN = "preference/chosen_log_prob";
const REJECTED = "preference/rejected_log_prob";

/**
 * What to tell after the step of `row`, the steps before being `history`: a sentence when chosen and rejected responses have
 * both become less likely by more than DRIFT_NATS a token since the first step with pairs, and no step before had that.
 */
export function driftNotice(
  row: MetricRow,
  history: readonly MetricRow[],
  referenceKey: string,
): string | undefined {
  const first = history.find((earlier) => earlier[CHOSEN] !== undefined);
  if (!first) return undefined;
  const fall = (later: MetricRow, key: string): number => first[key]! - (later[key] ?? first[key]!);
  const hasDrifted = (later: MetricRow): boolean =>
    fall(later, CHOSEN) > DRIFT_NATS && fall(later, REJECTED) > DRIFT_NATS;
  if (!hasDrifted(row) || history.some(hasDrifted)) return undefined;
  const nats = (key: string): string => fall(row, key).toFixed(2);
  return `The policy drifts: since the first step a token of the chosen responses has lost ${nats(CHOSEN)} nats of log-probability and one of the rejected ${nats(REJECTED)}. Without a reference nothing holds it, and responses may fall apart. Lower the learning rate, or begin anew with a reference (${referenceKey}).`;
}

/**
 * Mean k3 of a token from the policy that sampled the responses of `batches` to the policy after `updates`, nats: one more
 * forward pass, after which there is no way back, so it cannot be left. 0 where nothing was applied.
 */
export async function stepKl(
  run: Run,
  { miniBatches }: StepBatches,
  updates: readonly PreferenceUpdate[],
  control: StepControl,
): Promise<number> {
  if (!updates.some(({ outcome }) => outcome === "applied")) return 0;
  const micros = miniBatches.flatMap((batch) => batch.micros);
  const now = await numbersOf(run, micros, { useAdapter: true, control, tell: () => {} });
  const rollouts = [...now.keys()];
  return meanKl(
    rollouts.map(({ samplerLogProb }) => samplerLogProb),
    rollouts.map((rollout) => now.get(rollout)!.logProb),
  );
}
