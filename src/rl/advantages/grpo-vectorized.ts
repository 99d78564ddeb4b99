// verl's second GRPO, under its own name so that a verl configuration that names it is understood.
// Source: verl verl/trainer/ppo/core_algos.py, compute_grpo_vectorized_outcome_advantage.

import type { AdvantageEstimator } from "./advantage.ts";
import { grpo } from "./grpo.ts";

export const grpoVectorized: AdvantageEstimator = {
  ...grpo,
  id: "grpo_vectorized",
  label: "GRPO (vectorised)",
  description: "GRPO under the name of verl's faster implementation.",
  differs: "As GRPO. verl takes mean and deviation in single precision here, this in double.",
  sameAs: "grpo",
};
