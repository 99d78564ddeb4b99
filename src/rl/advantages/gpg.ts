// GPG: reward minus the group's mean, scaled up by how many responses of the batch earned nothing.
//   A_i = alpha * (R_i - mean of the group),  alpha = responses / responses with a reward other than 0
// The policy loss of the same name goes with it, and is a choice of its own.
// Source: verl verl/trainer/ppo/core_algos.py, compute_gpg_outcome_advantage.

import type { AdvantageArgs, AdvantageEstimator } from "./advantage.ts";
import { broadcast } from "./advantage.ts";
import { meanOf, minusBaseline } from "./baseline.ts";
import { outcomes } from "./returns.ts";

function estimate(args: AdvantageArgs): Float64Array[] {
  const rewards = outcomes(args);
  const rewarded = rewards.filter((reward) => reward !== 0).length;
  const alpha = rewards.length / Math.max(1, rewarded);
  const advantages = minusBaseline(args, rewards, (members) => meanOf(rewards, members));
  return broadcast(
    advantages.map((advantage) => alpha * advantage),
    args.responseLengths,
  );
}

export const gpg: AdvantageEstimator = {
  id: "gpg",
  label: "GPG",
  description: "Reward minus the group's mean, scaled up when few responses of the batch earn anything.",
  paper: {
    title: "GPG: A Simple and Strong Reinforcement Learning Baseline for Model Reasoning",
    url: "https://arxiv.org/abs/2504.02546",
  },
  differs:
    "As verl: alpha counts responses without reward, where the paper makes up for groups that teach nothing.",
  params: [],
  needs: ["group"],
  estimate,
};
