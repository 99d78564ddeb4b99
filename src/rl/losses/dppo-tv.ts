// The policy gradient within a trust region: tokens whose probability has moved too far lose their gradient. Reference of
// shaders/losses/dppo_tv.wgsl.
//   w = min(exp(clamp(logProb - oldLogProb, -20, 20)), dualClip), p = exp(logProb), q = exp(oldLogProb)
//   v = 1 where p - q <= clipHigh and A > 0, or p - q >= -clipLow and A <= 0, else 0; loss = -A w v logProb, dLogProb = -A w v
// Source: verl verl/trainer/ppo/core_algos.py, compute_policy_loss_dppo_tv.

import dppoTvCode from "../../../shaders/losses/dppo_tv.wgsl?raw";
import type { LossToken, PolicyLoss, TokenLoss } from "./policy-loss.ts";
import { clip20, CLIP_WINDOW, logRatio } from "./ratio.ts";

/** The params of both DPPO losses. */
export const DPPO_PARAMS = [
  ...CLIP_WINDOW,
  { name: "dualClip", key: "actor_rollout_ref.actor.clip_ratio_c" },
] as const;

/** Loss of a token that is inside the trust region or not. */
export function withinRegion(token: LossToken, isValid: boolean, dualClip: number): TokenLoss {
  const { advantage, logProb } = token;
  const x = clip20(logRatio(token));
  const ratio = Math.exp(x);
  const dLogProb = isValid ? -advantage * Math.min(ratio, dualClip) : 0;
  return {
    loss: dLogProb * logProb,
    dLogProb,
    clippedLow: !isValid && advantage <= 0 ? 1 : 0,
    clippedHigh: !isValid && advantage > 0 ? 1 : 0,
    clippedDual: isValid && ratio > dualClip ? 1 : 0,
    ppoKl: -x,
  };
}

export const dppoTv: PolicyLoss<"clipLow" | "clipHigh" | "dualClip"> = {
  id: "dppo_tv",
  label: "Trust region of total variation (DPPO)",
  description:
    "Stops a token once its probability has moved by more than the clips, as a difference and not a ratio: rare tokens may move freely. verl's example has 0.15 for both clips.",
  paper: {
    title: "Rethinking the Trust Region in LLM Reinforcement Learning",
    url: "https://arxiv.org/abs/2602.04879",
  },
  differs:
    "The weight of a token is cut at the dual clip; verl's example sets that to 10000. As in verl pg_clipfrac_lower counts those cuts.",
  params: DPPO_PARAMS,
  wgsl: dppoTvCode,
  tokenLoss(token, _, { clipLow, clipHigh, dualClip }) {
    const difference = Math.exp(token.logProb) - Math.exp(token.oldLogProb);
    const isValid = token.advantage > 0 ? difference <= clipHigh : difference >= -clipLow;
    return withinRegion(token, isValid, dualClip);
  },
};
