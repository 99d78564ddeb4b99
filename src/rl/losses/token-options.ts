// TRL's options around a policy loss, as arithmetic on the numbers of a micro-batch: ratios of whole sequences, sequences that
// have drifted, tokens of high entropy. What they give goes into the loss batch, so that the reference and the device see the same.
// Source: TRL trl/trainer/grpo_trainer.py, _compute_loss, get_off_policy_mask and get_high_entropy_mask.

import { BugError } from "../../common/errors.ts";
import { isCounted } from "./policy-loss.ts";

/** Response tokens [R] in sequences that start at `starts` [S+1]. */
interface Sequences {
  /** [R], of the current policy. */
  readonly logProb: ArrayLike<number>;
  readonly starts: ArrayLike<number>;
  /** Tokens with 0 count nowhere, [R]; absent: all count. */
  readonly mask?: ArrayLike<number> | undefined;
}

/** Mean of `value` over the counted tokens of every sequence, [S]; undefined where none counts. */
function sequenceMeans({ starts, mask }: Sequences, value: (r: number) => number): (number | undefined)[] {
  return Array.from({ length: starts.length - 1 }, (_, s) => {
    let [sum, count] = [0, 0];
    for (let r = starts[s]!; r < starts[s + 1]!; r++) {
      if (!isCounted(mask, r)) continue;
      sum += value(r);
      count++;
    }
    return count > 0 ? sum / count : undefined;
  });
}

/** Numbers of sequences [S] at each of their tokens, [R]. */
const atTokens = <T>(values: readonly T[], starts: ArrayLike<number>): T[] =>
  values.flatMap((value, s) => Array.from({ length: starts[s + 1]! - starts[s]! }, () => value));

/**
 * Old log-probabilities [R] under which the log-ratio of every token is the mean of its sequence: importance level "sequence".
 * The gradient goes to a token's own log-probability, as in GSPO-token. TRL's goes through the mean, which is the same wherever
 * the tokens of a sequence share one advantage and one weight.
 */
export function sequenceLevelOld(sequences: Sequences, oldLogProb: ArrayLike<number>): Float64Array {
  const { logProb, starts } = sequences;
  const means = sequenceMeans(sequences, (r) => logProb[r]! - oldLogProb[r]!);
  const ofTokens = atTokens(means, starts);
  return Float64Array.from(logProb, (value, r) => value - (ofTokens[r] ?? 0));
}

/** exp of the mean log-ratio of each sequence that has tokens that count. "current" is a ratio of 1. */
export function sequenceRatios(sequences: Sequences, oldLogProb: ArrayLike<number> | "current"): number[] {
  const { logProb } = sequences;
  return sequenceMeans(sequences, (r) =>
    oldLogProb === "current" ? 0 : logProb[r]! - oldLogProb[r]!,
  ).flatMap((mean) => (mean === undefined ? [] : [Math.exp(mean)]));
}

/**
 * 0 for the tokens with a negative advantage of sequences that have become less likely since they were sampled, by more than
 * `threshold` nats per token, else 1, [R]. An `advantage` [R] that is another at every token decides for that token.
 */
export function offPolicyMask(
  sequences: Sequences,
  samplerLogProb: ArrayLike<number>,
  advantage: ArrayLike<number>,
  threshold: number,
): number[] {
  const { logProb, starts } = sequences;
  const drift = sequenceMeans(sequences, (r) => samplerLogProb[r]! - logProb[r]!);
  return atTokens(drift, starts).map((value, r) =>
    advantage[r]! < 0 && value !== undefined && value > threshold ? 0 : 1,
  );
}

/** The `share` quantile of values, between two of them by linear interpolation, as torch.quantile. Throws BugError on none. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new BugError("the quantile of no numbers");
  const sorted = Float64Array.from(values).sort();
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below]!;
  return low + (at - below) * ((sorted[below + 1] ?? low) - low);
}
