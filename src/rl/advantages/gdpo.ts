// GDPO: rewards of several kinds are made relative to their groups one by one, so that none drowns the others, then added and
// whitened over the tokens of the batch.
//   A = whiten(sum over kinds k of weight_k * GRPO(R_k))
// Source: verl verl/trainer/ppo/core_algos.py, compute_gdpo_outcome_advantage.

import { BugError } from "../../common/errors.ts";
import type { AdvantageArgs, AdvantageEstimator } from "./advantage.ts";
import { broadcast } from "./advantage.ts";
import { GROUP_RELATIVE_PARAMS, groupRelative } from "./grpo.ts";
import { outcomes } from "./returns.ts";
import { whiten } from "./whiten.ts";

function estimate(args: AdvantageArgs): Float64Array[] {
  const kinds = args.rewardComponents?.map((rewards) => Float64Array.from(rewards)) ?? [outcomes(args)];
  const weights = args.settings.componentWeights ?? kinds.map(() => 1);
  if (weights.length !== kinds.length || kinds.some(({ length }) => length !== args.rewards.length))
    throw new BugError(
      `${weights.length} weights for ${kinds.length} kinds of ${args.rewards.length} rewards`,
    );
  const sum = new Float64Array(args.rewards.length);
  kinds.forEach((rewards, k) => {
    groupRelative(args, rewards).forEach((advantage, i) => (sum[i]! += weights[k]! * advantage));
  });
  return whiten(broadcast(sum, args.responseLengths));
}

export const gdpo: AdvantageEstimator = {
  id: "gdpo",
  label: "GDPO",
  description: "GRPO for each kind of reward on its own, added up and brought to mean 0 and spread 1.",
  paper: {
    title: "GDPO: Group reward-Decoupled Normalization Policy Optimization for Multi-reward RL Optimization",
    url: "https://arxiv.org/abs/2601.05242",
  },
  differs:
    "As verl: whitened over tokens, so that long responses weigh more. With one kind of reward it is whitened GRPO.",
  params: GROUP_RELATIVE_PARAMS,
  needs: ["group"],
  estimate,
};
