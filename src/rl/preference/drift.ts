// Tells when a policy without a reference runs away: the loss of pairs asks only that the better response be likelier than the
// worse one, and is content when both become unlikely.

import type { MetricRow } from "../metrics.ts";

/** Fall of the mean log-probability of a token since the first step, nats: the token is then about a third as likely. */
const DRIFT_NATS = 1;

const CHOSEN = "preference/chosen_log_prob";
const REJECTED = "preference/rejected_log_prob";

/**
 * What to tell after the step of `row`, the steps before being `history`: a sentence when chosen and rejected responses have
 * both become less likely by more than DRIFT_NATS a token since the first step with pairs, and no step before had that.
 */
export function driftNotice(row: MetricRow, history: readonly MetricRow[]): string | undefined {
  const first = history.find((earlier) => earlier[CHOSEN] !== undefined);
  if (!first) return undefined;
  const fall = (later: MetricRow, key: string): number => first[key]! - (later[key] ?? first[key]!);
  const hasDrifted = (later: MetricRow): boolean =>
    fall(later, CHOSEN) > DRIFT_NATS && fall(later, REJECTED) > DRIFT_NATS;
  if (!hasDrifted(row) || history.some(hasDrifted)) return undefined;
  const nats = (key: string): string => fall(row, key).toFixed(2);
  return `The policy drifts: since the first step a token of the chosen responses has lost ${nats(CHOSEN)} nats of log-probability and one of the rejected ${nats(REJECTED)}. Without a reference nothing holds it, and responses may fall apart. Lower the learning rate, or begin anew with a reference (gradus.preference_reference).`;
}
