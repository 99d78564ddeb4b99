// REINFORCE++ with a baseline: reward minus the group's mean, whitened over the tokens of the batch instead of scaled by group.
// Source: verl verl/trainer/ppo/core_algos.py, compute_reinforce_plus_plus_baseline_outcome_advantage.

import type { AdvantageArgs, AdvantageEstimator } from "./advantage.ts";
import { broadcast } from "./advantage.ts";
import { meanOf, minusBaseline } from "./baseline.ts";
import { reinforcePlusPlus } from "./reinforce-plus-plus.ts";
import { outcomes } from "./returns.ts";
import { whiten } from "./whiten.ts";

function estimate(args: AdvantageArgs): Float64Array[] {
  const rewards = outcomes(args);
  const advantages = minusBaseline(args, rewards, (members) => meanOf(rewards, members));
  return whiten(broadcast(advantages, args.responseLengths));
}

export const reinforcePlusPlusBaseline: AdvantageEstimator = {
  id: "reinforce_plus_plus_baseline",
  label: "REINFORCE++ with baseline",
  description: "Reward minus the group's mean, brought to mean 0 and spread 1 over the batch.",
  paper: reinforcePlusPlus.paper,
  differs: "None in the estimate. A group of one keeps its reward.",
  params: [],
  needs: ["batch"],
  estimate,
};
