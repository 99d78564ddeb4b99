// The clipped surrogate with one ratio for the whole response: the geometric mean of the ratios of its tokens. Reference of
// shaders/losses/gspo.wgsl.
//   m = mean over the sequence of logProb - oldLogProb, s = exp(min(m, 10))
//   loss = max(-A s, -A clamp(s, 1 - clipLow, 1 + clipHigh)), dLogProb = -A s where the unclipped side is taken, else 0
// Source: verl verl/trainer/ppo/core_algos.py, compute_policy_loss_gspo.

import gspoCode from "../../../shaders/losses/gspo.wgsl?raw";
import type { LossParams, LossToken, PolicyLoss, TokenLoss } from "./policy-loss.ts";
import { clamp, CLIP_WINDOW, heldRatio, logRatio } from "./ratio.ts";

type Name = "clipLow" | "clipHigh";

/** Loss of a token whose sequence has the mean log-ratio `mean`, cut above at `cap`; `delta` as in TRL. */
export function sequenceClipped(
  token: LossToken,
  mean: number,
  { clipLow, clipHigh }: LossParams<Name>,
  { cap, delta = -1 }: { readonly cap: number; readonly delta?: number },
): TokenLoss {
  const { advantage } = token;
  const ratio = Math.exp(Math.min(mean, cap));
  const { held, passes: isBelowDelta } = heldRatio(ratio, delta);
  const plain = -advantage * held;
  const clipped = -advantage * clamp(ratio, 1 - clipLow, 1 + clipHigh);
  const isBad = advantage < 0;
  const passes = mean <= cap && isBelowDelta && (isBad ? ratio >= 1 - clipLow : ratio <= 1 + clipHigh);
  const isClipped = clipped > plain;
  return {
    loss: Math.max(plain, clipped),
    dLogProb: passes ? plain : 0,
    clippedLow: isClipped && isBad ? 1 : 0,
    clippedHigh: isClipped && !isBad ? 1 : 0,
    clippedDual: 0,
    ppoKl: -logRatio(token),
  };
}

export const gspo: PolicyLoss<Name> = {
  id: "gspo",
  label: "Sequence ratio (GSPO)",
  description:
    "Clips whole responses by the geometric mean of their ratios. The window is narrow: the paper has 0.0003 and 0.0004.",
  paper: { title: "Group Sequence Policy Optimization", url: "https://arxiv.org/abs/2507.18071" },
  differs:
    "In the token form of the paper, so that advantages may differ between tokens; with one advantage a response it is the same. The mean log-ratio is cut above at 10. Always added up as seq-mean-token-mean.",
  params: CLIP_WINDOW,
  aggregation: "seq-mean-token-mean",
  wgsl: gspoCode,
  sequenceTerm: (token) => [logRatio(token)],
  tokenLoss: (token, [mean = 0], params) => sequenceClipped(token, mean, params, { cap: 10 }),
};
