// The value loss of PPO in double precision: squared errors of a critic's values, clipped around what it said before the
// update. The reference of shaders/value_loss.wgsl, and what the loss is handed; training runs launch.ts.
//   L = sum_r weight * max((v - return)^2, (clamp(v, old - clip, old + clip) - return)^2) / 2
// Source: verl verl/trainer/ppo/core_algos.py, compute_value_loss; Schulman's baselines, which PPO's paper does not mention.

/** What the loss needs to know of R response tokens besides the critic's values. */
export interface ValueBatch {
  /** The critic's values before the first update of the step, [R]. */
  readonly oldValue: ArrayLike<number>;
  /** What it should have said, [R]. */
  readonly returns: ArrayLike<number>;
  /** `aggregationWeight`, and 0 for tokens that are not trained on, [R]. */
  readonly weight: ArrayLike<number>;
  /** 1 for tokens that are trained on, else 0: those are not counted, [R]; absent: all are. */
  readonly mask?: ArrayLike<number>;
}

/** What is counted of every token, in the order of `token_stats` in shaders/value_loss.wgsl; sums over micro-batches. */
export const VALUE_STATS = [
  { id: "vfLoss", description: "Weighted loss: its part of what is minimised." },
  { id: "tokens", description: "Response tokens." },
  {
    id: "clipped",
    description: "Tokens whose clipped error is the larger one, so that they no longer move.",
  },
  { id: "value", description: "Values, plain sum." },
  { id: "notFinite", description: "Tokens with a NaN or an infinity; any makes the update void." },
] as const;

export type ValueStatId = (typeof VALUE_STATS)[number]["id"];
export type ValueStats = Readonly<Record<ValueStatId, number>>;

/** Slots [5] by name. */
export const valueStatsOf = (values: ArrayLike<number>): ValueStats =>
  Object.fromEntries(VALUE_STATS.map(({ id }, slot) => [id, values[slot]!])) as ValueStats;

export interface ValueLoss {
  /** What is minimised. */
  readonly loss: number;
  /** Its gradient with respect to every value, [R]. */
  readonly dValue: Float64Array;
  readonly stats: ValueStats;
}

/** Loss, gradient [R] and counts for values [R]. `clip` is verl's cliprange_value. */
export function valueLossReference(
  values: ArrayLike<number>,
  { oldValue, returns, weight, mask }: ValueBatch,
  clip: number,
): ValueLoss {
  const sums = new Float64Array(VALUE_STATS.length);
  const dValue = Float64Array.from(values, (value, r) => {
    const token = tokenLoss(value, oldValue[r]!, returns[r]!, clip);
    const [loss, slope] = [weight[r]! * token.loss, weight[r]! * token.slope];
    const isFinite = [value, oldValue[r]!, returns[r]!, loss, slope].every(Number.isFinite);
    const on = mask?.[r] ?? 1;
    [loss, on, token.isClipped ? on : 0, on * value, isFinite ? 0 : 1].forEach((count, slot) => {
      sums[slot]! += count;
    });
    return slope;
  });
  const stats = valueStatsOf(sums);
  return { loss: stats.vfLoss, dValue, stats };
}

/** Loss of one token, and its slope by torch's conventions: a clamp passes it at its bounds, and a tie is split. */
function tokenLoss(
  value: number,
  oldValue: number,
  target: number,
  clip: number,
): { loss: number; slope: number; isClipped: boolean } {
  const [low, high] = [oldValue - clip, oldValue + clip];
  const error = value - target;
  const clippedError = Math.min(high, Math.max(low, value)) - target;
  const clippedSlope = value >= low && value <= high ? clippedError : 0;
  const [square, clippedSquare] = [error ** 2, clippedError ** 2];
  const slope =
    square > clippedSquare ? error : clippedSquare > square ? clippedSlope : 0.5 * (error + clippedSlope);
  return { loss: 0.5 * Math.max(square, clippedSquare), slope, isClipped: clippedSquare > square };
}
