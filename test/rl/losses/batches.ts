// Random ragged batches for the loss tests, and a loss that looks at whole sequences: it is not one of the list, and is here
// to hold the driver's first pass, which the clipped loss does not need.

import type { LossBatch, LossToken, Objective, PolicyLoss } from "../../../src/rl/losses/policy-loss.ts";
import type { PolicyValues } from "../../../src/rl/losses/reference.ts";
import { vanilla } from "../../../src/rl/losses/vanilla.ts";
import { noise } from "../../harness.ts";

export interface Sample {
  readonly policy: Record<keyof PolicyValues, Float32Array>;
  readonly batch: LossBatch & Record<"oldLogProb" | "advantage" | "weight", Float32Array>;
}

/** `rows` tokens in sequences of 1 to 40 tokens; one number in three moves far enough to be clipped. */
export function sample(rows: number, seed = 1): Sample {
  const old = noise(rows, seed).map((value) => -2 + 1.5 * value);
  const step = noise(rows, seed + 1).map((value) => 0.35 * value + (value > 0.9 ? 2 : 0));
  const starts = [0];
  for (let i = 0; starts.at(-1)! < rows; i++)
    starts.push(Math.min(rows, starts.at(-1)! + 1 + ((i * 7) % 40)));
  const logProb = old.map((value, r) => value + step[r]!);
  const drift = noise(rows, seed + 3);
  return {
    policy: {
      logProb,
      entropy: noise(rows, seed + 2).map((value) => 1 + value),
      refLogProb: logProb.map((value, r) => value + 0.8 * drift[r]!),
    },
    batch: {
      oldLogProb: old,
      advantage: noise(rows, seed + 4).map((value) => 2 * value),
      weight: noise(rows, seed + 5).map((value) => (1.5 + value) / rows),
      penaltyWeight: noise(rows, seed + 6).map((value) => (1.5 + value) / rows),
      samplerWeight: noise(rows, seed + 7).map((value) => 1 + 0.5 * value),
      sequenceStarts: starts,
    },
  };
}

export const objective: Objective = {
  loss: vanilla,
  params: { clipLow: 0.2, clipHigh: 0.28, dualClip: 3 },
  kl: { type: "low_var_kl", coef: 0.1 },
  entropyCoef: 0.02,
};

/** -A exp(mean of x) + mean of A * logProb, with a setting that scales x. */
export const sequenceLoss: PolicyLoss<"scale"> = {
  ...vanilla,
  id: "sequence-test",
  params: [{ name: "scale", key: "test.scale" }],
  check() {},
  appliesSamplerWeight: true,
  sequenceTerm: ({ logProb, oldLogProb, advantage }: LossToken, { scale }) => [
    scale * (logProb - oldLogProb),
    0,
    0,
    advantage,
  ],
  tokenLoss: ({ logProb, advantage }, [mean = 0, , , meanAdvantage = 0]) => ({
    loss: -advantage * Math.exp(mean) + meanAdvantage * logProb,
    dLogProb: meanAdvantage,
    clippedLow: 0,
    clippedHigh: 1,
    clippedDual: 0,
    ppoKl: 0.5,
  }),
  wgsl: `
fn sequence_term(token: LossToken) -> vec4f {
  return vec4f(params.loss_0 * (token.log_prob - token.old_log_prob), 0.0, 0.0, token.advantage);
}
fn token_loss(token: LossToken, mean: vec4f) -> TokenLoss {
  return TokenLoss(-token.advantage * exp(mean.x) + mean.w * token.log_prob, mean.w, 0.0, 1.0, 0.0, 0.5);
}`,
};
