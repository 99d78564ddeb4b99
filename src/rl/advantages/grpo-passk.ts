// Pass@k: only the best response of a group is rewarded, by how far it is ahead of the second. For runs that will be judged by
// their best of k attempts.
//   A_best = (largest R - second largest R) / (standard deviation of the group + epsilon), all others 0
// Source: verl verl/trainer/ppo/core_algos.py, compute_grpo_passk_outcome_advantage.

import { UserError } from "../../common/errors.ts";
import type { AdvantageArgs, AdvantageEstimator } from "./advantage.ts";
import { broadcast, responsesByGroup } from "./advantage.ts";
import { stdOf } from "./baseline.ts";
import { outcomes } from "./returns.ts";

function estimate(args: AdvantageArgs): Float64Array[] {
  const { normaliseByStd, epsilon } = args.settings;
  const rewards = outcomes(args);
  const advantages = new Float64Array(rewards.length);
  for (const members of responsesByGroup(args)) {
    if (members.length === 1) {
      throw new UserError(
        `A group has 1 response: grpo_passk compares the best response with the second. Set group size (actor_rollout_ref.rollout.n) to 2 or more.`,
      );
    }
    const [best, second] = members.toSorted((a, b) => rewards[b]! - rewards[a]!);
    const scale = normaliseByStd ? stdOf(rewards, members) + epsilon : 1;
    advantages[best!] = (rewards[best!]! - rewards[second!]!) / scale;
  }
  return broadcast(advantages, args.responseLengths);
}

export const grpoPassk: AdvantageEstimator = {
  id: "grpo_passk",
  label: "GRPO pass@k",
  description: "Only the best response of a group learns, by its lead over the second.",
  paper: {
    title: "Optimizing Language Models for Inference Time Objectives using Reinforcement Learning",
    url: "https://arxiv.org/abs/2503.19595",
  },
  differs:
    "Division by the group's standard deviation, which the paper does not have. Two equally good best responses teach nothing.",
  params: ["algorithm.norm_adv_by_std_in_grpo", "gradus.advantage_epsilon"],
  needs: ["group"],
  estimate,
};
