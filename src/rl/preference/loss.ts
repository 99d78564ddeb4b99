// The loss of preference pairs and its derivative, in double precision on the processor: a number a response, so the device
// has nothing to gain. How the derivative reaches the weights is update.ts.
//   loss = mean over pairs of (1 - smoothing) f(m) + smoothing f(-m),  m = score(chosen) - score(rejected)
//   sigmoid  f(m) = -log sigmoid(beta m)      hinge  f(m) = max(0, 1 - beta m)      ipo  f(m) = (m - 1 / (2 beta))^2
//   score(response) = S, or S - Sref with a reference;  S = sum, or mean, of the logProb of its tokens
// Source: sigmoid: DPO, arXiv:2305.18290, eq. 7; hinge: SLiC-HF, arXiv:2305.10425, as in TRL; ipo: arXiv:2310.12036, eq. 17;
// smoothing: conservative DPO, as in TRL. Differs: the reference may be left out, and then nothing holds the policy near
// where it began.

/** How log-probabilities of tokens become one of a response. */
export type ResponseLogProb = "sum" | "mean";

/** Places of two responses in the list of scores. */
export type PreferencePair = readonly [chosen: number, rejected: number];

/** What a pair costs, in TRL's words for it. */
export type PairLoss = "sigmoid" | "hinge" | "ipo";

export interface PreferenceBatch {
  /** [responses], nats. */
  readonly scores: ArrayLike<number>;
  readonly pairs: readonly PreferencePair[];
  /** Above 0; how far a pair is pulled apart before it counts as settled. */
  readonly beta: number;
  readonly loss: PairLoss;
  /** Share of pairs that are taken to be the wrong way round, 0 up to 0.5. */
  readonly labelSmoothing: number;
}

export interface PreferenceValue {
  /** 0 without pairs. */
  readonly loss: number;
  /** Derivative of the loss with respect to each score, [responses]. */
  readonly dScore: Float64Array;
  /** Share of pairs whose chosen response has the higher score; NaN without pairs. */
  readonly accuracy: number;
  /** Share of pairs whose scores are equal; NaN without pairs. */
  readonly undecided: number;
  /** Mean of score(chosen) - score(rejected), nats; NaN without pairs. */
  readonly margin: number;
}

/** log(1 + exp(x)), exact for large and small x. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const sigmoid = (x: number): number => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));

/** f of a margin in nats, and its derivative. */
const PAIR_LOSSES: Readonly<Record<PairLoss, (margin: number, beta: number) => [number, number]>> = {
  sigmoid: (margin, beta) => [softplus(-beta * margin), -beta * sigmoid(-beta * margin)],
  hinge: (margin, beta) => (beta * margin < 1 ? [1 - beta * margin, -beta] : [0, 0]),
  ipo: (margin, beta) => [(margin - 1 / (2 * beta)) ** 2, 2 * (margin - 1 / (2 * beta))],
};

/** Loss of the pairs, its derivative and what is logged of it. */
export function preferenceLoss({ scores, pairs, beta, ...how }: PreferenceBatch): PreferenceValue {
  const dScore = new Float64Array(scores.length);
  const count = pairs.length;
  let [loss, hits, ties, margins] = [0, 0, 0, 0];
  for (const [chosen, rejected] of pairs) {
    const margin = scores[chosen]! - scores[rejected]!;
    const [asTold, slopeAsTold] = PAIR_LOSSES[how.loss](margin, beta);
    const [swapped, slopeSwapped] = PAIR_LOSSES[how.loss](-margin, beta);
    loss += mixed(asTold, swapped, how.labelSmoothing) / count;
    // The derivative of f(-m) is -f'(-m).
    const slope = mixed(slopeAsTold, -slopeSwapped, how.labelSmoothing) / count;
    dScore[chosen]! += slope;
    dScore[rejected]! -= slope;
    if (margin > 0) hits++;
    if (margin === 0) ties++;
    margins += margin;
  }
  return { loss, dScore, accuracy: hits / count, undecided: ties / count, margin: margins / count };
}

const mixed = (asTold: number, swapped: number, smoothing: number): number =>
  (1 - smoothing) * asTold + smoothing * swapped;

/** Log-probability of a response from those of its tokens, nats; 0 without tokens. */
export function responseLogProb(logProb: ArrayLike<number>, by: ResponseLogProb): number {
  let sum = 0;
  for (let t = 0; t < logProb.length; t++) sum += logProb[t]!;
  return by === "sum" || logProb.length === 0 ? sum : sum / logProb.length;
}

/** Derivative of a response's log-probability with respect to that of each of its `length` tokens: the same for all. */
export const tokenSlope = (length: number, by: ResponseLogProb): number =>
  by === "sum" ? 1 : 1 / Math.max(1, length);
