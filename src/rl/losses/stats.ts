// What the loss driver counts while it runs, one number a slot, added up over the micro-batches of a step. The order is that
// of `token_stats` in shaders/policy_loss.wgsl. Shares and means are made of these by whoever logs them.

/** One slot. */
interface LossStat {
  readonly id: string;
  /** Over tokens and micro-batches. */
  readonly reduce: "sum" | "max";
  readonly description: string;
}

export const LOSS_STATS = [
  { id: "pgLoss", reduce: "sum", description: "Policy term, weighted: its part of the objective." },
  { id: "klLoss", reduce: "sum", description: "KL to the reference, weighted, before its coefficient." },
  { id: "entropyLoss", reduce: "sum", description: "Entropy, weighted, before its coefficient." },
  { id: "tokens", reduce: "sum", description: "Response tokens." },
  { id: "entropy", reduce: "sum", description: "Entropy, plain sum." },
  { id: "klRef", reduce: "sum", description: "KL to the reference, plain sum." },
  { id: "ppoKl", reduce: "sum", description: "oldLogProb - logProb (k1 to the old policy), plain sum." },
  { id: "approxKl", reduce: "sum", description: "k3 to the old policy, plain sum." },
  { id: "clippedLow", reduce: "sum", description: "Tokens whose gradient the lower bound stopped." },
  { id: "clippedHigh", reduce: "sum", description: "Tokens whose gradient the upper bound stopped." },
  { id: "clippedDual", reduce: "sum", description: "Tokens that the dual clip stopped." },
  { id: "importanceRatio", reduce: "sum", description: "Importance ratio, plain sum." },
  { id: "weight", reduce: "sum", description: "Weights of the policy term." },
  { id: "samplerWeight", reduce: "sum", description: "Weights that correct for the sampler, plain sum." },
  {
    id: "notFinite",
    reduce: "sum",
    description: "Tokens with a NaN or an infinity; any makes the step void.",
  },
  { id: "ratioDeviation", reduce: "max", description: "Largest |importance ratio - 1|." },
] as const satisfies readonly LossStat[];

export type LossStatId = (typeof LOSS_STATS)[number]["id"];
export type LossStats = Readonly<Record<LossStatId, number>>;

/** Slots [16] by name. */
export const lossStatsOf = (values: ArrayLike<number>): LossStats =>
  Object.fromEntries(LOSS_STATS.map(({ id }, slot) => [id, values[slot]!])) as LossStats;
