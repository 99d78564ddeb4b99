// Random ragged batches for the loss tests, settings under which every loss does all it can, and a loss that looks at whole
// sequences: it is not one of the list, and is here to hold the driver's first pass in every lane.

import { DEFAULTS } from "../../../src/rl/config.ts";
import { lossParams } from "../../../src/rl/losses/policy-loss.ts";
import type {
  LossBatch,
  LossParams,
  LossToken,
  Objective,
  PolicyLoss,
} from "../../../src/rl/losses/policy-loss.ts";
import type { PolicyValues } from "../../../src/rl/losses/reference.ts";
import { vanilla } from "../../../src/rl/losses/vanilla.ts";
import { noise } from "../../harness.ts";

export interface Sample {
  readonly policy: Record<keyof PolicyValues, Float32Array>;
  readonly batch: LossBatch & Record<"oldLogProb" | "advantage" | "weight", Float32Array>;
}

/** `rows` tokens in sequences of 1 to 40 tokens; one number in three moves far enough to be clipped. */
export function sample(rows: number, seed = 1): Sample {
  const old = noise(rows, seed).map((value) => -4 + 1.5 * value);
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
      random: noise(rows, seed + 8).map((value) => (value + 1) / 2),
    },
  };
}

/** The same with one advantage, weight and sampler weight for each sequence, as sequence-level losses are meant for. */
export function sampleBySequence(rows: number, seed = 1): Sample {
  const { policy, batch } = sample(rows, seed);
  const starts = Array.from(batch.sequenceStarts);
  const spread = (list: ArrayLike<number>): Float32Array =>
    Float32Array.from(list, (_, r) => list[starts.findLast((start) => start <= r)!]!);
  return {
    policy,
    batch: {
      ...batch,
      advantage: spread(batch.advantage),
      weight: spread(batch.weight),
      samplerWeight: spread(batch.samplerWeight!),
    },
  };
}

/** Some tokens of a sample, by `cut` of each of its lists, with the starts of their sequences. */
export const someTokens = (
  { policy, batch }: Sample,
  cut: (list: ArrayLike<number>) => Float32Array,
  sequenceStarts: readonly number[],
): Sample => ({
  policy: {
    logProb: cut(policy.logProb),
    entropy: cut(policy.entropy),
    refLogProb: cut(policy.refLogProb),
  },
  batch: {
    oldLogProb: cut(batch.oldLogProb),
    advantage: cut(batch.advantage),
    weight: cut(batch.weight),
    penaltyWeight: cut(batch.penaltyWeight!),
    samplerWeight: cut(batch.samplerWeight!),
    random: cut(batch.random!),
    sequenceStarts,
  },
});

/** Sequences `first` to `last - 1` of a sample as one of its own. */
export function part(sample: Sample, first: number, last: number): Sample {
  const starts = Array.from(sample.batch.sequenceStarts).slice(first, last + 1);
  const [begin = 0, end = 0] = [starts[0], starts.at(-1)];
  return someTokens(
    sample,
    (list) => Float32Array.from(list).slice(begin, end),
    starts.map((start) => start - begin),
  );
}

/** In place of defaults under which nothing is selected, clipped or out of bounds in `sample`. */
const SETTINGS: Readonly<Record<string, LossParams>> = {
  gspo: { clipLow: 0.03, clipHigh: 0.04 },
  luspo: { clipLow: 0.03, clipHigh: 0.04, delta: 1.1 },
  dppo_tv: { clipLow: 0.02, clipHigh: 0.03, dualClip: 1.2 },
  dppo_kl: { clipLow: 0.01, clipHigh: 0.005, dualClip: 1.2 },
  cispo_by_sign: { clipLow: 0.5, clipHigh: 0.1 },
  cispo_cap: { cap: 1.1 },
  clip_cov: { clipLow: 0.2, clipHigh: 0.28, share: 0.1, low: 0.05, high: 2 },
  kl_cov: { share: 0.2, coef: 0.5 },
};

/** The default settings of a loss, changed where those would leave a part of it untested. */
export const paramsOf = (loss: PolicyLoss): LossParams => {
  const config = DEFAULTS as Readonly<Record<string, unknown>>;
  return { ...lossParams(loss, (key) => config[key] as number | undefined), ...SETTINGS[loss.id] };
};

export const objective: Objective = {
  loss: vanilla,
  params: { clipLow: 0.2, clipHigh: 0.28, dualClip: 3, delta: 4 },
  kl: { type: "low_var_kl", coef: 0.1 },
  entropyCoef: 0.02,
};

/** -A exp(mean of x) + mean of A * logProb, with a setting that scales x. */
export const sequenceLoss: PolicyLoss<"scale"> = {
  id: "sequence-test",
  label: "",
  description: "",
  paper: vanilla.paper,
  differs: "",
  params: [{ name: "scale", key: "test.scale" }],
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
