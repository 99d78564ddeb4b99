// The optimal token baseline for responses with tool output inside: what a tool wrote does not count as a place. Without tools
// it is the plain one. Source: verl verl/trainer/ppo/core_algos.py, compute_multi_turn_optimal_token_baseline_advantage.

import type { AdvantageArgs, AdvantageEstimator } from "./advantage.ts";
import { optimalTokenBaseline, tokenBaselineAdvantages } from "./optimal-token-baseline.ts";

function estimate({ positions: _, ...args }: AdvantageArgs): Float64Array[] {
  return tokenBaselineAdvantages(args);
}

export const tirOptimalTokenBaseline: AdvantageEstimator = {
  ...optimalTokenBaseline,
  id: "tir_optimal_token_baseline",
  label: "Optimal token baseline (tools)",
  description: "The optimal token baseline with places counted without the output of tools.",
  differs:
    "As the optimal token baseline. Responses without tokens still belong to their group, where verl drops them.",
  sameAs: "optimal_token_baseline",
  estimate,
};
