// The list of advantage estimators. A new one is a file beside this one and a line here.

import { UserError } from "../../common/errors.ts";
import { nearest } from "../../common/nearest.ts";
import type { AdvantageEstimator } from "./advantage.ts";
import { grpo } from "./grpo.ts";

export type { AdvantageArgs, AdvantageEstimator, AdvantageSettings } from "./advantage.ts";

export const ADVANTAGE_ESTIMATORS: readonly AdvantageEstimator[] = [grpo];

/** The estimator with this id. Throws UserError naming those that are known. */
export function advantageEstimator(id: string): AdvantageEstimator {
  const found = ADVANTAGE_ESTIMATORS.find((entry) => entry.id === id);
  if (found) return found;
  const known = ADVANTAGE_ESTIMATORS.map((entry) => entry.id);
  const close = nearest(id, known);
  throw new UserError(
    `There is no advantage estimator "${id}", and without one rewards cannot train. ${
      close ? `Did you mean ${close}?` : `Set algorithm.adv_estimator to one of ${known.join(", ")}.`
    }`,
  );
}
