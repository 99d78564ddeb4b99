// GAE: temporal-difference errors against a critic's values, decayed and summed, whitened over the batch. Computes advantages
// and what the critic should have said; training it is critic/.
//   error_t = reward_t + gamma V_t+1 - V_t,  a_t = error_t + gamma lambda a_t+1,  A = whiten(a),  return_t = a_t + V_t
// Source: verl verl/trainer/ppo/core_algos.py, compute_gae_advantage_return.

import { BugError } from "../../common/errors.ts";
import type { AdvantageArgs, AdvantageEstimator } from "./advantage.ts";
import { needed, setting } from "./advantage.ts";
import { tokenRewardsOf } from "./returns.ts";
import { whiten } from "./whiten.ts";

const valuesOf = (args: AdvantageArgs): readonly ArrayLike<number>[] =>
  needed(args.values, args, "gae", "the values of a critic");

/** a_t of every response, [B][length]. */
function errors(args: AdvantageArgs): Float64Array[] {
  const values = valuesOf(args);
  const gamma = setting(args, "gamma", "gae");
  const lambda = setting(args, "lambda", "gae");
  return tokenRewardsOf(args).map((rewards, i) => decayedErrors(rewards, values[i]!, gamma, lambda));
}

function returns(args: AdvantageArgs): Float64Array[] {
  const values = valuesOf(args);
  return errors(args).map((list, i) => list.map((error, t) => error + values[i]![t]!));
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
  description:
    "Errors of a critic's predictions, decayed over the tokens that follow. Trains a critic beside the policy.",
  paper: {
    title: "High-Dimensional Continuous Control Using Generalized Advantage Estimation",
    url: "https://arxiv.org/abs/1506.02438",
  },
  differs: "Whitened over the tokens of the batch that are trained on, as in verl.",
  params: ["algorithm.gamma", "algorithm.lam"],
  needs: ["batch", "values"],
  estimate: (args) => whiten(errors(args)),
  returns,
};
