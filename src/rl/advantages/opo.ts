// OPO: the baseline of a group weighs rewards by length, because the gradient of a long response varies more.
//   A_i = R_i - sum of n_j R_j / sum of n_j
// Source: verl verl/trainer/ppo/core_algos.py, compute_opo_outcome_advantage.

import type { AdvantageArgs, AdvantageEstimator } from "./advantage.ts";
import { broadcast } from "./advantage.ts";
import { minusBaseline, weightedMeanOf } from "./baseline.ts";
import { outcomes } from "./returns.ts";

function estimate(args: AdvantageArgs): Float64Array[] {
  const { responseLengths } = args;
  const rewards = outcomes(args);
  const advantages = minusBaseline(args, rewards, (members) =>
    weightedMeanOf(rewards, members, (i) => responseLengths[i]!),
  );
  return broadcast(advantages, responseLengths);
}

export const opo: AdvantageEstimator = {
  id: "opo",
  label: "OPO",
  description: "Reward minus the group's mean reward weighted by length.",
  paper: {
    title: "On-Policy RL with Optimal Reward Baseline",
    url: "https://arxiv.org/abs/2505.23585",
  },
  differs:
    "None in the estimate. The paper trains strictly on-policy: one update a step, no KL and no entropy term.",
  params: [],
  needs: ["group"],
  estimate,
};
