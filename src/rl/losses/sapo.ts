// A smooth gate in place of the clip. Reference of shaders/losses/sapo.wgsl.
//   r = exp(clamp(logProb - oldLogProb, -20, 20)), t = tauPos where A > 0, tauNeg elsewhere
//   f = (4/t) sigma(t (r - 1)), loss = -A f, dLogProb = -A r sech^2(t (r - 1) / 2)
// Source: verl verl/trainer/ppo/core_algos.py, compute_policy_loss_sapo.

import sapoCode from "../../../shaders/losses/sapo.wgsl?raw";
import { UserError } from "../../common/errors.ts";
import type { LossParams, LossToken, PolicyLoss, TokenLoss } from "./policy-loss.ts";
import { clip20, logistic, logRatio, NOT_CLIPPED } from "./ratio.ts";

type Name = "tauPos" | "tauNeg";

export const SAPO_PARAMS = [
  { name: "tauPos", key: "actor_rollout_ref.actor.tau_pos" },
  { name: "tauNeg", key: "actor_rollout_ref.actor.tau_neg" },
] as const;

/** The gate f, and its derivative with respect to the token's logProb. */
export function sapoGate(
  token: LossToken,
  { tauPos, tauNeg }: LossParams<Name>,
): { ratio: number; value: number; slope: number } {
  const x = logRatio(token);
  const ratio = Math.exp(clip20(x));
  const tau = token.advantage > 0 ? tauPos : tauNeg;
  const { value, slope } = logistic(tau * (ratio - 1));
  return { ratio, value: (4 / tau) * value, slope: Math.abs(x) <= 20 ? 4 * slope * ratio : 0 };
}

/** Throws UserError unless both temperatures are above 0. */
export function checkTaus({ tauPos, tauNeg }: LossParams<Name>): void {
  if (tauPos > 0 && tauNeg > 0) return;
  throw new UserError(
    `The temperatures of SAPO (tau_pos, tau_neg) are ${tauPos} and ${tauNeg}: its gate divides by them. Set both above 0; 1 and 1.05 are usual.`,
  );
}

function tokenLoss(token: LossToken, _: readonly number[], params: LossParams<Name>): TokenLoss {
  const { value, slope } = sapoGate(token, params);
  const { advantage } = token;
  return {
    loss: -advantage * value,
    dLogProb: -advantage * slope,
    ...NOT_CLIPPED,
    ppoKl: -clip20(logRatio(token)),
  };
}

export const sapo: PolicyLoss<Name> = {
  id: "sapo",
  label: "Soft gate (SAPO)",
  description:
    "Turns a token down smoothly as its ratio leaves 1, and the sooner the larger tau is. Nothing is clipped.",
  paper: { title: "Soft Adaptive Policy Optimization", url: "https://arxiv.org/abs/2511.20347" },
  differs: "The log-ratio is cut to -20 .. 20. Always added up as seq-mean-token-mean.",
  params: SAPO_PARAMS,
  aggregation: "seq-mean-token-mean",
  wgsl: sapoCode,
  check: checkTaus,
  tokenLoss,
};
