// The plain policy gradient, blind to the old policy. Reference of shaders/losses/gpg.wgsl.
//   loss = -A logProb, dLogProb = -A
// Source: verl verl/trainer/ppo/core_algos.py, compute_policy_loss_gpg.

import gpgCode from "../../../shaders/losses/gpg.wgsl?raw";
import type { LossToken, PolicyLoss, TokenLoss } from "./policy-loss.ts";
import { logRatio, NOT_CLIPPED } from "./ratio.ts";

/** -A logProb. */
export function plainGradient(token: LossToken): TokenLoss {
  const { advantage, logProb } = token;
  return { loss: -advantage * logProb, dLogProb: -advantage, ...NOT_CLIPPED, ppoKl: -logRatio(token) };
}

export const gpg: PolicyLoss = {
  id: "gpg",
  label: "Plain gradient (GPG)",
  description: "Log-probability times advantage, without ratio or clip. For one update a step.",
  paper: {
    title: "GPG: A Simple and Strong Reinforcement Learning Baseline for Model Reasoning",
    url: "https://arxiv.org/abs/2504.02546",
  },
  differs:
    "The loss alone; the paper's scale of advantages is the advantage estimator gpg. verl logs no numbers of this loss; here ppo_kl is kept.",
  params: [],
  wgsl: gpgCode,
  tokenLoss: plainGradient,
};
