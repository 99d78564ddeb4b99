// The loss of preference pairs and its derivative, in double precision on the processor: a number a response, so the device
// has nothing to gain. How the derivative reaches the weights is update.ts.
//   loss = mean over pairs of -log sigmoid(beta (score(chosen) - score(rejected)))
//   score(response) = S, or S - Sref with a reference;  S = sum, or mean, of the logProb of its tokens
// Source: DPO, arXiv:2305.18290, eq. 7, on pairs that the policy sampled and a reward ranked. Differs: the reference may be
// left out, and then nothing holds the policy near where it began.

/** How log-probabilities of tokens become one of a response. */
export type ResponseLogProb = "sum" | "mean";

/** Places of two responses in the list of scores. */
export type PreferencePair = readonly [chosen: number, rejected: number];

export interface PreferenceBatch {
  /** [responses], nats. */
  readonly scores: ArrayLike<number>;
  readonly pairs: readonly PreferencePair[];
  /** Above 0; how far a pair is pulled apart before it counts as settled. */
  readonly beta: number;
}

export interface PreferenceValue {
  /** 0 without pairs. */
  readonly loss: number;
  /** Derivative of the loss with respect to each score, [responses]. */
  readonly dScore: Float64Array;
  /** Share of pairs whose chosen response has the higher score; NaN without pairs. */
  readonly accuracy: number;
  /** Mean of score(chosen) - score(rejected), nats; NaN without pairs. */
  readonly margin: number;
}

/** log(1 + exp(x)), exact for large and small x. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const sigmoid = (x: number): number => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));

/** Loss of the pairs, its derivative and what is logged of it. */
export function preferenceLoss({ scores, pairs, beta }: PreferenceBatch): PreferenceValue {
  const dScore = new Float64Array(scores.length);
  const count = pairs.length;
  let [loss, right, margins] = [0, 0, 0];
  for (const [chosen, rejected] of pairs) {
    const margin = scores[chosen]! - scores[rejected]!;
    loss += softplus(-beta * margin) / count;
    const slope = (beta * sigmoid(-beta * margin)) / count;
    dScore[chosen]! -= slope;
    dScore[rejected]! += slope;
    if (margin > 0) right++;
    margins += margin;
  }
  return { loss, dScore, accuracy: right / count, margin: margins / count };
}

/** Log-probability of a response from those of its tokens, nats. */
export function responseLogProb(logProb: ArrayLike<number>, by: ResponseLogProb): number {
  let sum = 0;
  for (let t = 0; t < logProb.length; t++) sum += logProb[t]!;
  return by === "sum" ? sum : sum / logProb.length;
}

/** Derivative of a response's log-probability with respect to that of each of its `length` tokens: the same for all. */
export const tokenSlope = (length: number, by: ResponseLogProb): number => (by === "sum" ? 1 : 1 / length);
