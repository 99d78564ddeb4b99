// RLOO: the baseline of a response is the mean reward of the others to its prompt.
//   A_i = R_i - (sum of R - R_i) / (n - 1) = (R_i - mean of the group) * n / (n - 1)
// Source: verl verl/trainer/ppo/core_algos.py, compute_rloo_outcome_advantage.

import type { AdvantageArgs, AdvantageEstimator } from "./advantage.ts";
import { broadcast, responsesByGroup } from "./advantage.ts";
import { meanOf } from "./baseline.ts";
import { outcomes } from "./returns.ts";

/** Each reward minus the mean of the others of its group, [B]; `alone` says what becomes of a group of one. */
export function leaveOneOut(args: AdvantageArgs, alone: "keeps its reward" | "gets 0"): Float64Array[] {
  const rewards = outcomes(args);
  const advantages = alone === "gets 0" ? new Float64Array(rewards.length) : rewards.slice();
  for (const members of responsesByGroup(args)) {
    const n = members.length;
    if (n === 1) continue;
    const mean = meanOf(rewards, members);
    for (const i of members) advantages[i] = ((rewards[i]! - mean) * n) / (n - 1);
  }
  return broadcast(advantages, args.responseLengths);
}

export const rloo: AdvantageEstimator = {
  id: "rloo",
  label: "RLOO",
  description: "Reward minus the mean reward of the other responses of the group.",
  paper: {
    title: "Back to Basics: Revisiting REINFORCE Style Optimization for Learning from Human Feedback in LLMs",
    url: "https://arxiv.org/abs/2402.14740",
  },
  differs: "None in the estimate. A group of one keeps its reward, as in verl; rloo_vectorized gives it 0.",
  params: [],
  needs: ["group"],
  estimate: (args) => leaveOneOut(args, "keeps its reward"),
};
