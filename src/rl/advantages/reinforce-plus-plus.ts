// REINFORCE++: what is still to come after a token, whitened over the batch. Needs no groups.
//   G_t = reward_t + gamma * G_t+1,  A = whiten(G)
// Source: verl verl/trainer/ppo/core_algos.py, compute_reinforce_plus_plus_outcome_advantage (August 2026).

import type { AdvantageEstimator } from "./advantage.ts";
import { setting } from "./advantage.ts";
import { rewardsToGo } from "./returns.ts";
import { whiten } from "./whiten.ts";

export const reinforcePlusPlus: AdvantageEstimator = {
  id: "reinforce_plus_plus",
  label: "REINFORCE++",
  description:
    "Reward still to come, brought to mean 0 and spread 1 over the batch. Works with one response per prompt.",
  paper: {
    title: "REINFORCE++: A Simple and Efficient Approach for Aligning Large Language Models",
    url: "https://arxiv.org/abs/2501.03262",
  },
  differs: "KL in the reward, which the paper takes off every token, is a setting of its own.",
  params: ["algorithm.gamma"],
  needs: ["batch"],
  estimate: (args) => whiten(rewardsToGo(args, setting(args, "gamma", "reinforce_plus_plus"))),
};
