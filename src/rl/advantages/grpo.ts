// GRPO: a response is as good as it is better than the others to the same prompt.
//   A_i = (R_i - mean of the group) / (standard deviation + epsilon), the same for every token
// The deviation is the group's, the batch's (TRL's scale_rewards = batch), or left out (Dr. GRPO). A group of one keeps its
// reward, as in verl. Which groups are worth training on is decided elsewhere.
// Source: verl verl/trainer/ppo/core_algos.py, compute_grpo_outcome_advantage.

import type { AdvantageArgs, AdvantageEstimator } from "./advantage.ts";
import { broadcast, responsesByGroup } from "./advantage.ts";
import { meanOf, minusBaseline, stdOf } from "./baseline.ts";
import { outcomes } from "./returns.ts";

/** Keys that `groupRelative` reads. */
export const GROUP_RELATIVE_PARAMS = [
  "algorithm.norm_adv_by_std_in_grpo",
  "gradus.advantage_std",
  "gradus.advantage_epsilon",
] as const;

/** Rewards [B] relative to their groups, [B]. */
export function groupRelative(args: AdvantageArgs, rewards: Float64Array): Float64Array {
  const { normaliseByStd, epsilon, stdOver } = args.settings;
  const advantages = minusBaseline(args, rewards, (members) => meanOf(rewards, members));
  if (!normaliseByStd) return advantages;
  const ofBatch = stdOver === "batch" ? stdOf(rewards, [...rewards.keys()]) : undefined;
  for (const members of responsesByGroup(args)) {
    const scale = (ofBatch ?? stdOf(rewards, members)) + epsilon;
    for (const i of members) advantages[i]! /= scale;
  }
  return advantages;
}

export const grpo: AdvantageEstimator = {
  id: "grpo",
  label: "GRPO",
  description: "Reward minus the group's mean, divided by the group's standard deviation.",
  paper: {
    title: "DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models",
    url: "https://arxiv.org/abs/2402.03300",
  },
  differs:
    "The standard deviation is the unbiased one, and may be the batch's. Without division by it (Dr. GRPO, arXiv:2503.20783), a group's spread counts.",
  params: GROUP_RELATIVE_PARAMS,
  needs: ["group"],
  estimate: (args) => broadcast(groupRelative(args, outcomes(args)), args.responseLengths),
};
