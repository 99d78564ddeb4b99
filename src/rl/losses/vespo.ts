// The policy gradient with a smooth weight of the ratio of the whole response. Reference of shaders/losses/vespo.wgsl.
//   y = clamp(sum over the sequence of clamp(logProb - oldLogProb, -20, 20) + log samplerWeight, log 1e-8, 20)
//   k, l = kPos, lambdaPos where A >= 0, kNeg, lambdaNeg elsewhere, w = exp(l + k y - l exp(y))
//   loss = -w A logProb, dLogProb = -w A
// Source: TRL trl/trainer/grpo_trainer.py, loss_type "vespo".

import vespoCode from "../../../shaders/losses/vespo.wgsl?raw";
import type { LossParams, LossToken, PolicyLoss, TokenLoss } from "./policy-loss.ts";
import { clamp, clip20, logRatio, NOT_CLIPPED } from "./ratio.ts";

type Name = "kPos" | "lambdaPos" | "kNeg" | "lambdaNeg";

const LOWEST = Math.log(1e-8);

const sequenceTerm = (token: LossToken): number[] => [
  clip20(logRatio(token)) + clamp(Math.log(token.samplerWeight), LOWEST, 20),
];

function tokenLoss(token: LossToken, [mean = 0]: readonly number[], params: LossParams<Name>): TokenLoss {
  const { advantage, logProb, length } = token;
  const y = clamp(mean * length, LOWEST, 20);
  const k = advantage >= 0 ? params.kPos : params.kNeg;
  const lambda = advantage >= 0 ? params.lambdaPos : params.lambdaNeg;
  const dLogProb = -advantage * Math.exp(k * y - lambda * (Math.exp(y) - 1));
  return { loss: dLogProb * logProb, dLogProb, ...NOT_CLIPPED, ppoKl: -logRatio(token) };
}

export const vespo: PolicyLoss<Name> = {
  id: "vespo",
  label: "Smooth sequence weight (VESPO)",
  description:
    "Weighs a response by a smooth hump of the ratio of its whole probability: 1 where nothing has changed, little far from there. For updates from old responses.",
  paper: {
    title: "VESPO: Variational Sequence-Level Soft Policy Optimization for Stable Off-Policy LLM Training",
    url: "https://arxiv.org/abs/2602.10693",
  },
  differs:
    "As in TRL, which adds up as token-mean; here the run's aggregation counts. A weight for the sampler goes into the ratio. verl has no such loss.",
  params: [
    { name: "kPos", key: "gradus.vespo_k_pos" },
    { name: "lambdaPos", key: "gradus.vespo_lambda_pos" },
    { name: "kNeg", key: "gradus.vespo_k_neg" },
    { name: "lambdaNeg", key: "gradus.vespo_lambda_neg" },
  ],
  appliesSamplerWeight: true,
  wgsl: vespoCode,
  sequenceTerm,
  tokenLoss,
};
