// verl's algorithm.rollout_correction as it is written in a configuration, read and checked: thresholds are numbers or texts
// like "0.5_2.0" (lower and upper) and "0.2,0.05" (one for each option).

import { UserError } from "../common/errors.ts";
import { nearestHint } from "../common/nearest.ts";
import type { CorrectionSettings, Rejection, RejectionOption, WeightSettings } from "./rollout-correction.ts";
import { REJECTION_OPTIONS } from "./rollout-correction.ts";

/** As in a verl file; null and empty text switch a part off. */
export interface CorrectionText {
  readonly rollout_is: string | null;
  readonly rollout_is_threshold: string | number | null;
  readonly rollout_is_batch_normalize: boolean;
  /** Options with commas between. */
  readonly rollout_rs: string | null;
  readonly rollout_rs_threshold: string | number | null;
}

/** The settings that the text stands for, or undefined when it corrects nothing. Throws UserError naming key and value. */
export function readCorrection(text: CorrectionText): CorrectionSettings | undefined {
  const weights = readWeights(text);
  const rejection = readRejection(text);
  return weights || rejection.length > 0 ? { ...(weights && { weights }), rejection } : undefined;
}

function readWeights({
  rollout_is: level,
  rollout_is_threshold: threshold,
  rollout_is_batch_normalize: normalise,
}: CorrectionText): WeightSettings | undefined {
  if (level === null || level === "" || threshold === null) return undefined;
  if (level !== "token" && level !== "sequence")
    throw new UserError(
      `rollout_is is "${level}", so tokens cannot be weighted. Set it to token or sequence, or leave it empty for no weights.`,
    );
  const { lower, upper } = readBounds("rollout_is_threshold", String(threshold));
  return { level, upper, ...(lower !== undefined && { lower }), normalise };
}

function readRejection({ rollout_rs: names, rollout_rs_threshold: threshold }: CorrectionText): Rejection[] {
  const options = [...new Set(listOf(names ?? "").map(readOption))];
  if (options.length === 0) return [];
  const bounds = threshold === null ? [] : listOf(String(threshold));
  if (bounds.length !== 1 && bounds.length !== options.length)
    throw new UserError(
      `rollout_rs names ${options.length} options and rollout_rs_threshold has ${bounds.length} values: give one for all, or one for each.`,
    );
  return options.map((option, i) => readOptionBounds(option, bounds[i] ?? bounds[0]!));
}

const listOf = (text: string): string[] =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");

function readOption(name: string): RejectionOption {
  const option = REJECTION_OPTIONS.find((known) => known === name);
  if (option) return option;
  throw new UserError(
    `There is no rejection "${name}", so nothing can be left out by it. ${nearestHint(name, REJECTION_OPTIONS, `Set rollout_rs to some of ${REJECTION_OPTIONS.join(", ")}.`)}`,
  );
}

function readOptionBounds(option: RejectionOption, text: string): Rejection {
  const { lower, upper } = readBounds("rollout_rs_threshold", text);
  if (option.endsWith("k1")) return { option, upper, lower: lower ?? 1 / upper };
  if (lower === undefined) return { option, upper };
  throw new UserError(
    `rollout_rs_threshold is ${text} for ${option}, which is never below 0: give one upper bound.`,
  );
}

/** "upper" or "lower_upper", above 0 and in order. */
function readBounds(key: string, text: string): { readonly lower?: number; readonly upper: number } {
  const [first, second, ...more] = text
    .trim()
    .split("_")
    .map((part) => (part === "" ? Number.NaN : Number(part)));
  const upper = second ?? first!;
  const lower = second === undefined ? undefined : first!;
  const isRight = upper > 0 && upper < Infinity && (lower === undefined || (lower > 0 && lower <= upper));
  if (!isRight || more.length > 0)
    throw new UserError(
      `${key} is ${text}: one number above 0, or a lower and an upper one like 0.5_2.0, is needed.`,
    );
  return { ...(lower !== undefined && { lower }), upper };
}
