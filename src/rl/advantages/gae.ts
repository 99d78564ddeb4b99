// GAE: temporal-difference errors against a critic's values, decayed and summed, whitened over the batch. Computes advantages
// only; training the critic is not done here.
//   error_t = reward_t + gamma V_t+1 - V_t,  a_t = error_t + gamma lambda a_t+1,  A = whiten(a)
// Source: verl verl/trainer/ppo/core_algos.py, compute_gae_advantage_return.

import { BugError } from "../../common/errors.ts";
import type { AdvantageArgs, AdvantageEstimator } from "./advantage.ts";
import { needed, setting } from "./advantage.ts";
import { tokenRewardsOf } from "./returns.ts";
import { whiten } from "./whiten.ts";

function estimate(args: AdvantageArgs): Float64Array[] {
  const values = needed(args.values, args, "gae", "the values of a critic");
  const gamma = setting(args, "gamma", "gae");
  const lambda = setting(args, "lambda", "gae");
  return whiten(tokenRewardsOf(args).map((rewards, i) => decayedErrors(rewards, values[i]!, gamma, lambda)));
}

/** a_t of one response, [length]. */
function decayedErrors(
  rewards: Float64Array,
  values: ArrayLike<number>,
  gamma: number,
  lambda: number,
): Float64Array {
  if (values.length !== rewards.length)
    throw new BugError(`${values.length} values for ${rewards.length} tokens`);
  const result = new Float64Array(rewards.length);
  let [nextValue, next] = [0, 0];
  for (let t = rewards.length - 1; t >= 0; t--) {
    const error = rewards[t]! + gamma * nextValue - values[t]!;
    next = error + gamma * lambda * next;
    nextValue = values[t]!;
    result[t] = next;
  }
  return result;
}

export const gae: AdvantageEstimator = {
  id: "gae",
  label: "GAE (PPO)",
  description: "Errors of a critic's predictions, decayed over the tokens that follow. Needs a critic.",
  paper: {
    title: "High-Dimensional Continuous Control Using Generalized Advantage Estimation",
    url: "https://arxiv.org/abs/1506.02438",
  },
  differs: "Whitened over the batch, as in verl.",
  params: ["algorithm.gamma", "algorithm.lam"],
  needs: ["values"],
  estimate,
};
