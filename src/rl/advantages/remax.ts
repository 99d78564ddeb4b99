// ReMax: the baseline of a response is the reward of the greedy response to its prompt, which must be written and judged, too.
//   A_t = reward still to come after token t - reward of the greedy response
// Source: verl verl/trainer/ppo/core_algos.py, compute_remax_outcome_advantage.

import type { AdvantageArgs, AdvantageEstimator } from "./advantage.ts";
import { needed } from "./advantage.ts";
import { rewardsToGo } from "./returns.ts";

function estimate(args: AdvantageArgs): Float64Array[] {
  const baselines = needed(args.baselines, args, "remax", "the reward of a greedy response to every prompt");
  return rewardsToGo(args, 1).map((returns, i) => returns.map((toGo) => toGo - baselines[i]!));
}

export const remax: AdvantageEstimator = {
  id: "remax",
  label: "ReMax",
  description:
    "Reward minus the reward of the greedy response to the same prompt, which costs one more response.",
  paper: {
    title:
      "ReMax: A Simple, Effective, and Efficient Reinforcement Learning Method for Aligning Large Language Models",
    url: "https://arxiv.org/abs/2310.10505",
  },
  differs: "None in the estimate.",
  params: [],
  needs: ["greedy-baseline"],
  estimate,
};
