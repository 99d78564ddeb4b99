// The geometric mean of the clipped ratios of a response, clipped token by token on the logarithm. Reference of
// shaders/losses/geo_mean.wgsl.
//   x = logProb - oldLogProb, y = min(x, clipHigh) where A > 0, max(x, -clipLow) where A < 0, 0 where A = 0
//   R = exp(sum y / (n + 1e-8)), B = sum A / (n + 1e-8), w = exp(mean of log(samplerWeight + 1e-10)), L = mean of -B R w
//   dLogProb = -B R w where y = x and A is not 0, else 0
// Source: verl verl/trainer/ppo/core_algos.py, compute_policy_loss_geo_mean.

import geoMeanCode from "../../../shaders/losses/geo_mean.wgsl?raw";
import type { LossParams, LossToken, PolicyLoss, TokenLoss } from "./policy-loss.ts";
import { CLIP_WINDOW, logRatio } from "./ratio.ts";

type Name = "clipLow" | "clipHigh";

function sequenceTerm(token: LossToken, { clipLow, clipHigh }: LossParams<Name>): number[] {
  const { advantage } = token;
  const x = logRatio(token);
  const y = advantage > 0 ? Math.min(x, clipHigh) : advantage < 0 ? Math.max(x, -clipLow) : 0;
  return [y, advantage, token.samplerWeight === 1 ? 0 : Math.log(token.samplerWeight + 1e-10)];
}

function tokenLoss(
  token: LossToken,
  [meanLogRatio = 0, meanAdvantage = 0, meanLogWeight = 0]: readonly number[],
  { clipLow, clipHigh }: LossParams<Name>,
): TokenLoss {
  const { advantage, length } = token;
  const x = logRatio(token);
  // verl adds 1e-8 to the length wherever it divides by it; the aggregation has that once.
  const share = length / (length + 1e-8);
  const loss = -meanAdvantage * Math.exp((meanLogRatio + meanLogWeight) * share);
  const passes = (advantage > 0 && x <= clipHigh) || (advantage < 0 && x >= -clipLow);
  const isOutside = x < -clipLow || x > clipHigh;
  return {
    loss,
    dLogProb: passes ? loss * share : 0,
    clippedLow: 0,
    clippedHigh: isOutside && advantage > 0 ? 1 : 0,
    clippedDual: isOutside && advantage < 0 ? 1 : 0,
    ppoKl: -x,
  };
}

export const geoMean: PolicyLoss<Name> = {
  id: "geo_mean",
  label: "Geometric mean (GMPO)",
  description:
    "Clips tokens, then takes the geometric mean of the ratios of a response. The window is on the log-ratio; the paper has 0.4 on both sides.",
  paper: { title: "Geometric-Mean Policy Optimization", url: "https://arxiv.org/abs/2507.20673" },
  differs:
    "The mean is over the responses of a whole update, where verl takes it over each micro-batch, so that its gradient grows with their number. As in verl pg_clipfrac counts good tokens outside the window on either side and pg_clipfrac_lower bad ones, though one side of it stops them.",
  params: CLIP_WINDOW,
  aggregation: "seq-mean-token-mean",
  appliesSamplerWeight: true,
  wgsl: geoMeanCode,
  sequenceTerm,
  tokenLoss,
};
