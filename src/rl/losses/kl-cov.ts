// The policy gradient with a penalty on how far some tokens have moved: those that would lower the entropy most. Reference of
// shaders/losses/kl_cov.wgsl.
//   x = logProb - oldLogProb, loss = -A exp(x), and coef |x| on top for the max(1, floor(ratio N)) of highest covariance
// Source: verl verl/trainer/ppo/core_algos.py, compute_policy_loss_kl_cov.

import klCovCode from "../../../shaders/losses/kl_cov.wgsl?raw";
import { UserError } from "../../common/errors.ts";
import type { PolicyLoss } from "./policy-loss.ts";
import { logRatio, NOT_CLIPPED } from "./ratio.ts";

export const klCov: PolicyLoss<"share" | "coef"> = {
  id: "kl_cov",
  label: "Covariance penalty (KL-Cov)",
  description:
    "Keeps entropy up: the few tokens that would lower it most are held near their old probability. Nothing is clipped.",
  paper: {
    title: "The Entropy Mechanism of Reinforcement Learning for Reasoning Language Models",
    url: "https://arxiv.org/abs/2505.22617",
  },
  differs:
    "Over each micro-batch, as in verl: the token budget decides among how many tokens. |x| stands for the KL, and ppo_kl is its mean. No log-ratio is cut.",
  params: [
    { name: "share", key: "actor_rollout_ref.actor.policy_loss.kl_cov_ratio" },
    { name: "coef", key: "actor_rollout_ref.actor.policy_loss.ppo_kl_coef" },
  ],
  wgsl: klCovCode,
  check({ share }) {
    if (share > 0) return;
    throw new UserError(
      `The share of tokens to hold (kl_cov_ratio) is ${share}: it must be above 0. verl has 0.0002.`,
    );
  },
  selection: {
    isRandom: false,
    count: (rows, { share }) => Math.max(1, Math.floor(share * rows)),
    key: (_, covariance) => -covariance,
  },
  tokenLoss(token, _, { coef }) {
    const x = logRatio(token);
    const plain = -token.advantage * Math.exp(x);
    const penalty = coef * token.isSelected;
    return {
      loss: plain + penalty * Math.abs(x),
      dLogProb: plain + penalty * Math.sign(x),
      ...NOT_CLIPPED,
      ppoKl: Math.abs(x),
    };
  },
};
