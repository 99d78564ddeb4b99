// The policy gradient with a clipped importance weight that no gradient goes through. Reference of shaders/losses/cispo.wgsl.
//   r = exp(clamp(logProb - oldLogProb, -20, 20)), w = clamp(r, 1 - clipLow, 1 + clipHigh)
//   loss = -w A logProb, dLogProb = -w A
// Source: verl verl/trainer/ppo/core_algos.py, compute_policy_loss_cispo.

import cispoCode from "../../../shaders/losses/cispo.wgsl?raw";
import type { LossToken, PolicyLoss, TokenLoss } from "./policy-loss.ts";
import { clamp, clip20, CLIP_WINDOW, logRatio } from "./ratio.ts";

/** Loss of a token whose ratio is held to `low` .. `high` as a constant weight. No token loses its gradient. */
export function weightClipped(token: LossToken, low: number, high: number): TokenLoss {
  const x = clip20(logRatio(token));
  const ratio = Math.exp(x);
  const dLogProb = -clamp(ratio, low, high) * token.advantage;
  return {
    loss: dLogProb * token.logProb,
    dLogProb,
    clippedLow: ratio < low ? 1 : 0,
    clippedHigh: ratio > high ? 1 : 0,
    clippedDual: 0,
    ppoKl: -x,
  };
}

export const cispo: PolicyLoss<"clipLow" | "clipHigh"> = {
  id: "cispo",
  label: "Clipped weight (CISPO)",
  description:
    "Holds the weight of a token within a window instead of stopping its gradient. verl's examples have clip low 10, which is no lower bound, and clip high 0.2.",
  paper: {
    title: "MiniMax-M1: Scaling Test-Time Compute Efficiently with Lightning Attention",
    url: "https://arxiv.org/abs/2506.13585",
  },
  differs:
    "The log-ratio is cut to -20 .. 20. The value is no objective (it depends on how likely tokens are), only its gradient means something.",
  params: CLIP_WINDOW,
  wgsl: cispoCode,
  tokenLoss: (token, _, { clipLow, clipHigh }) => weightClipped(token, 1 - clipLow, 1 + clipHigh),
};
