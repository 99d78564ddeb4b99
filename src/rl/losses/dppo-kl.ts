// The policy gradient within a trust region of the KL divergence of two outcomes: this token or any other. Reference of
// shaders/losses/dppo_kl.wgsl.
//   p = exp(logProb), q = exp(oldLogProb), d = q log(q / p) + (1 - q) log((1 - q + 1e-8) / (1 - p + 1e-8))
//   v = 1 where d <= clipHigh or p <= q and A > 0, or d <= clipLow or p >= q and A <= 0, else 0; the rest as in dppo-tv.ts
// Source: verl verl/trainer/ppo/core_algos.py, compute_policy_loss_dppo_kl.

import dppoKlCode from "../../../shaders/losses/dppo_kl.wgsl?raw";
import { DPPO_PARAMS, withinRegion } from "./dppo-tv.ts";
import type { PolicyLoss } from "./policy-loss.ts";
import { logRatio } from "./ratio.ts";

export const dppoKl: PolicyLoss<"clipLow" | "clipHigh" | "dualClip"> = {
  id: "dppo_kl",
  label: "Trust region of KL (DPPO)",
  description:
    "Stops a token once the KL divergence that its change stands for is above the clips. verl's example has 0.05 for both.",
  paper: {
    title: "Rethinking the Trust Region in LLM Reinforcement Learning",
    url: "https://arxiv.org/abs/2602.04879",
  },
  differs:
    "The weight of a token is cut at the dual clip; verl's example sets that to 10000. As in verl pg_clipfrac_lower counts those cuts.",
  params: DPPO_PARAMS,
  wgsl: dppoKlCode,
  tokenLoss(token, _, { clipLow, clipHigh, dualClip }) {
    const p = Math.exp(token.logProb);
    const q = Math.exp(token.oldLogProb);
    // Rounding may put a probability above 1.
    const [others, oldOthers] = [Math.max(1 - p, 0), Math.max(1 - q, 0)];
    const divergence = -q * logRatio(token) + oldOthers * Math.log((oldOthers + 1e-8) / (others + 1e-8));
    const isValid = token.advantage > 0 ? divergence <= clipHigh || p <= q : divergence <= clipLow || p >= q;
    return withinRegion(token, isValid, dualClip);
  },
};
