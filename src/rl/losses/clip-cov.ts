// The clipped surrogate that leaves some tokens out: those that would lower the entropy most, of which a few are chosen at
// random. Reference of shaders/losses/clip_cov.wgsl.
//   r = exp(logProb - oldLogProb), loss = max(-A r, -A clamp(r, 1 - clipLow, 1 + clipHigh)), 0 for a token left out
//   left out: at most max(1, floor(ratio N)) of the tokens that are not clipped and have low < covariance < high
// Source: verl verl/trainer/ppo/core_algos.py, compute_policy_loss_clip_cov.

import clipCovCode from "../../../shaders/losses/clip_cov.wgsl?raw";
import { UserError } from "../../common/errors.ts";
import type { LossParams, LossToken, PolicyLoss, TokenLoss } from "./policy-loss.ts";
import { clamp, CLIP_WINDOW, logRatio } from "./ratio.ts";

type Name = "clipLow" | "clipHigh" | "share" | "low" | "high";

function surrogate(
  token: LossToken,
  { clipLow, clipHigh }: LossParams<Name>,
): { plain: number; clipped: number; passes: boolean } {
  const { advantage } = token;
  const ratio = Math.exp(logRatio(token));
  return {
    plain: -advantage * ratio,
    clipped: -advantage * clamp(ratio, 1 - clipLow, 1 + clipHigh),
    passes: advantage < 0 ? ratio >= 1 - clipLow : ratio <= 1 + clipHigh,
  };
}

function tokenLoss(token: LossToken, _: readonly number[], params: LossParams<Name>): TokenLoss {
  const { plain, clipped, passes } = surrogate(token, params);
  const isLeftOut = token.isSelected !== 0;
  const isBad = token.advantage < 0;
  return {
    loss: isLeftOut ? 0 : Math.max(plain, clipped),
    dLogProb: passes && !isLeftOut ? plain : 0,
    clippedLow: isLeftOut && isBad ? 1 : 0,
    clippedHigh: isLeftOut && !isBad ? 1 : 0,
    clippedDual: 0,
    ppoKl: -logRatio(token),
  };
}

export const clipCov: PolicyLoss<Name> = {
  id: "clip_cov",
  label: "Covariance clip (Clip-Cov)",
  description:
    "Keeps entropy up: a few tokens, chosen at random among those that would lower it most, are left out of the loss.",
  paper: {
    title: "The Entropy Mechanism of Reinforcement Learning for Reasoning Language Models",
    url: "https://arxiv.org/abs/2505.22617",
  },
  differs:
    "Over each micro-batch, as in verl: the token budget decides among how many tokens. The choice depends on the run's seed alone. No log-ratio is cut. As in verl pg_clipfrac counts the tokens left out, not those that were clipped.",
  params: [
    ...CLIP_WINDOW,
    { name: "share", key: "actor_rollout_ref.actor.policy_loss.clip_cov_ratio" },
    { name: "low", key: "actor_rollout_ref.actor.policy_loss.clip_cov_lb" },
    { name: "high", key: "actor_rollout_ref.actor.policy_loss.clip_cov_ub" },
  ],
  wgsl: clipCovCode,
  check({ share }) {
    if (share > 0) return;
    throw new UserError(
      `The share of tokens to leave out (clip_cov_ratio) is ${share}: it must be above 0. verl has 0.0002; without it, vanilla is the loss to take.`,
    );
  },
  selection: {
    isRandom: true,
    count: (rows, { share }) => Math.max(1, Math.floor(share * rows)),
    key(token, covariance, random, params) {
      const { plain, clipped } = surrogate(token, params);
      const isCandidate = !(clipped > plain) && covariance > params.low && covariance < params.high;
      return isCandidate ? random : Infinity;
    },
  },
  tokenLoss,
};
