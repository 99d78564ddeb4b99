// verl's second RLOO, under its own name so that a verl configuration that names it is understood.
// Source: verl verl/trainer/ppo/core_algos.py, compute_rloo_vectorized_outcome_advantage.

import type { AdvantageEstimator } from "./advantage.ts";
import { leaveOneOut, rloo } from "./rloo.ts";

export const rlooVectorized: AdvantageEstimator = {
  ...rloo,
  id: "rloo_vectorized",
  label: "RLOO (vectorised)",
  description: "RLOO under the name of verl's faster implementation.",
  differs: "As RLOO, but a group of one gets 0 instead of its reward.",
  sameAs: "rloo",
  estimate: (args) => leaveOneOut(args, "gets 0"),
};
