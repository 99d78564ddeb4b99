// GRPO: a response is as good as it is better than the others to the same prompt.
//   A_i = (R_i - mean of the group) / (standard deviation of the group + epsilon), the same for every token
// A group of one keeps its reward, as in verl. Which groups are worth training on is decided elsewhere.
// Source: verl verl/trainer/ppo/core_algos.py, compute_grpo_outcome_advantage.

import type { AdvantageArgs, AdvantageEstimator } from "./advantage.ts";
import { broadcast, responsesByGroup } from "./advantage.ts";

function estimate(args: AdvantageArgs): Float64Array[] {
  const { rewards, responseLengths, settings } = args;
  const advantages = new Float64Array(rewards.length);
  for (const members of responsesByGroup(args)) {
    const { mean, std } = groupMoments(members.map((i) => rewards[i]!));
    const scale = settings.normaliseByStd ? std + settings.epsilon : 1;
    for (const i of members) advantages[i] = (rewards[i]! - mean) / scale;
  }
  return broadcast(advantages, responseLengths);
}

/** Mean and unbiased standard deviation; 0 and 1 for a group of one. */
function groupMoments(values: readonly number[]): { mean: number; std: number } {
  if (values.length === 1) return { mean: 0, std: 1 };
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: Math.sqrt(squares / (values.length - 1)) };
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
    "The standard deviation is the unbiased one. Without division by it (Dr. GRPO, arXiv:2503.20783), a group's spread counts.",
  params: ["algorithm.norm_adv_by_std_in_grpo", "gradus.advantage_epsilon"],
  estimate,
};
