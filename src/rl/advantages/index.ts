// The list of advantage estimators. A new one is a file beside this one and a line here.

import { UserError } from "../../common/errors.ts";
import { nearestHint } from "../../common/nearest.ts";
import type { AdvantageEstimator } from "./advantage.ts";
import { gae } from "./gae.ts";
import { gdpo } from "./gdpo.ts";
import { gpg } from "./gpg.ts";
import { grpo } from "./grpo.ts";
import { grpoPassk } from "./grpo-passk.ts";
import { grpoVectorized } from "./grpo-vectorized.ts";
import { opo } from "./opo.ts";
import { optimalTokenBaseline } from "./optimal-token-baseline.ts";
import { reinforcePlusPlus } from "./reinforce-plus-plus.ts";
import { reinforcePlusPlusBaseline } from "./reinforce-plus-plus-baseline.ts";
import { remax } from "./remax.ts";
import { rloo } from "./rloo.ts";
import { rlooVectorized } from "./rloo-vectorized.ts";
import { tirOptimalTokenBaseline } from "./tir-optimal-token-baseline.ts";

export type { AdvantageArgs, AdvantageEstimator, AdvantageNeed, AdvantageSettings } from "./advantage.ts";

/** What a run can choose. */
export const ADVANTAGE_ESTIMATORS: readonly AdvantageEstimator[] = [
  grpo,
  rloo,
  opo,
  reinforcePlusPlus,
  reinforcePlusPlusBaseline,
  gpg,
  grpoPassk,
  gdpo,
  remax,
  optimalTokenBaseline,
  grpoVectorized,
  rlooVectorized,
  tirOptimalTokenBaseline,
  gae,
];

/** The estimator with this id, from either list. Throws UserError naming those that are known. */
export function advantageEstimator(id: string): AdvantageEstimator {
  const found = ADVANTAGE_ESTIMATORS.find((entry) => entry.id === id);
  if (found) return found;
  const known = ADVANTAGE_ESTIMATORS.map((entry) => entry.id);
  throw new UserError(
    `There is no advantage estimator "${id}", and without one rewards cannot train. ${nearestHint(id, known, `Set algorithm.adv_estimator to one of ${known.join(", ")}.`)}`,
  );
}
