// SAPO as a user's guide writes it: the smaller of the plain and the gated surrogate. Reference of shaders/losses/sapo_min.wgsl.
//   r = exp(clamp(logProb - oldLogProb, -20, 20)), f as in sapo.ts, loss = -min(r A, f A)
// Source: the guide's formula "-min(r A, smooth(r, tau) A)"; it leaves smooth open, so the paper's f stands there.

import sapoMinCode from "../../../shaders/losses/sapo_min.wgsl?raw";
import type { LossParams, LossToken, PolicyLoss, TokenLoss } from "./policy-loss.ts";
import { clip20, logRatio, NOT_CLIPPED } from "./ratio.ts";
import { checkTaus, SAPO_PARAMS, sapoGate } from "./sapo.ts";

type Name = "tauPos" | "tauNeg";

function tokenLoss(token: LossToken, _: readonly number[], params: LossParams<Name>): TokenLoss {
  const { advantage } = token;
  const { ratio, value, slope } = sapoGate(token, params);
  const x = logRatio(token);
  const plain = ratio * advantage;
  const gated = value * advantage;
  // torch: a tie of min is split in halves.
  const share = plain < gated ? 1 : plain === gated ? 0.5 : 0;
  const plainSlope = Math.abs(x) <= 20 ? ratio : 0;
  return {
    loss: -Math.min(plain, gated),
    dLogProb: -advantage * (share * plainSlope + (1 - share) * slope),
    ...NOT_CLIPPED,
    ppoKl: -clip20(x),
  };
}

export const sapoMin: PolicyLoss<Name> = {
  id: "sapo_min",
  label: "Soft gate under a min (SAPO variant)",
  description:
    "SAPO as a user's guide states it, not as the paper does: prefer sapo. A good response is not held back before its ratio is about 3.8 (tau 1), a bad one not at all above that.",
  paper: { title: "Soft Adaptive Policy Optimization", url: "https://arxiv.org/abs/2511.20347" },
  differs:
    "The paper has -f A, without a min. f(1) is 2/tau, not 1, so the two sides of the min cross far from where the policies agree. Neither verl nor TRL has this loss. Always added up as seq-mean-token-mean, as sapo.",
  params: SAPO_PARAMS,
  aggregation: "seq-mean-token-mean",
  wgsl: sapoMinCode,
  check: checkTaus,
  tokenLoss,
};
