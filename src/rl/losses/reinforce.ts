// The policy gradient, weighed for the sampler alone. Reference of shaders/losses/reinforce.wgsl.
//   loss = -A w logProb, dLogProb = -A w, with w = samplerWeight, which the driver applies
// Source: verl verl/trainer/ppo/core_algos.py, compute_policy_loss_reinforce.

import reinforceCode from "../../../shaders/losses/reinforce.wgsl?raw";
import { plainGradient } from "./gpg.ts";
import type { PolicyLoss } from "./policy-loss.ts";

export const reinforce: PolicyLoss = {
  id: "reinforce",
  label: "REINFORCE",
  description: "Log-probability times advantage, without ratio or clip. For one update a step.",
  paper: {
    title: "Simple statistical gradient-following algorithms for connectionist reinforcement learning",
    url: "https://doi.org/10.1007/BF00992696",
  },
  differs:
    "verl has it inside bypass_mode only, where the weight for the sampler follows the policy from update to update, as it does here in that mode; without it the weight is that of the step's start. Without a weight it is gpg.",
  params: [],
  wgsl: reinforceCode,
  tokenLoss: plainGradient,
};
