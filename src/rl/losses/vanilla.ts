// The clipped surrogate of PPO, as GRPO and DAPO use it, with the dual clip for bad responses. Reference of
// shaders/losses/vanilla.wgsl.
//   x = logProb - oldLogProb, r = exp(clamp(x, -20, 20)), u = max(-A r, -A clamp(r, 1 - clipLow, 1 + clipHigh))
//   loss = u where A >= 0, min(u, -A dualClip) where A < 0; with delta the first r of u is min(r, delta)
// Source: verl verl/trainer/ppo/core_algos.py, compute_policy_loss_vanilla.

import vanillaCode from "../../../shaders/losses/vanilla.wgsl?raw";
import { UserError } from "../../common/errors.ts";
import { checkDelta, clamp, CLIP_WINDOW, clip20, DELTA, heldRatio, logRatio } from "./ratio.ts";
import type { LossParams, LossToken, PolicyLoss, TokenLoss } from "./policy-loss.ts";

type Name = "clipLow" | "clipHigh" | "dualClip" | "delta";

function tokenLoss(token: LossToken, _: readonly number[], params: LossParams<Name>): TokenLoss {
  const { advantage } = token;
  const x = logRatio(token);
  const ratio = Math.exp(clip20(x));
  const low = 1 - params.clipLow;
  const high = 1 + params.clipHigh;
  const { held, passes: isBelowDelta } = heldRatio(ratio, params.delta);
  const plain = -advantage * held;
  const clipped = -advantage * clamp(ratio, low, high);
  const worse = Math.max(plain, clipped);
  const bound = -advantage * params.dualClip;
  const isBad = advantage < 0;
  // torch: clamp passes the gradient at its bounds, and a tie of min splits it in halves.
  const dual = ratio < params.dualClip ? 1 : ratio === params.dualClip ? 0.5 : 0;
  const passes = isBad ? (ratio >= low ? dual : 0) : ratio <= high ? 1 : 0;
  const isClipped = clipped > plain;
  return {
    loss: isBad ? Math.min(worse, bound) : worse,
    dLogProb: Math.abs(x) <= 20 && isBelowDelta ? plain * passes : 0,
    clippedLow: isClipped && isBad ? 1 : 0,
    clippedHigh: isClipped && !isBad ? 1 : 0,
    clippedDual: isBad && worse > bound ? 1 : 0,
    ppoKl: -clip20(x),
  };
}

export const vanilla: PolicyLoss<Name> = {
  id: "vanilla",
  label: "Clipped (PPO, GRPO, DAPO)",
  description: "Stops pushing a token once its probability has moved further than the clip allows.",
  paper: {
    title: "Proximal Policy Optimization Algorithms",
    url: "https://arxiv.org/abs/1707.06347",
  },
  differs:
    "Two bounds instead of one (DAPO, arXiv:2503.14476), and a dual clip for negative advantages (arXiv:1912.09729). The log-ratio is cut to -20 .. 20. TRL's two-sided clip (delta, arXiv:2505.07291) may be set beside the dual clip.",
  params: [...CLIP_WINDOW, { name: "dualClip", key: "actor_rollout_ref.actor.clip_ratio_c" }, DELTA],
  wgsl: vanillaCode,
  check(params) {
    const { dualClip } = params;
    if (dualClip > 1) return checkDelta(params);
    throw new UserError(
      `The dual clip (clip_ratio_c) is ${dualClip}: it bounds how often a bad response counts, and at 1 or less it would stop all of them. Set it above 1; 3 is usual.`,
    );
  },
  tokenLoss,
};
