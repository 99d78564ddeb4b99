// DAPO's soft punishment of long responses: within a buffer before the longest allowed response the reward falls evenly, from
// nothing to the whole penalty. Goes on top of any reward, at the last token; is no reward of its own.
//   penalty = min(0, -(length - (longest - buffer)) / buffer * factor)
// Source: DAPO, arXiv:2503.14476, section 3.4; verl verl/workers/reward_manager/dapo.py. Differs: has a factor, which is 1 in the
// paper, and no floor beyond the longest response, where the paper stops at -1.

import { UserError } from "../../common/errors.ts";

/** verl's reward.reward_kwargs. */
export interface OverlongSettings {
  /** Longest response, tokens (max_resp_len). */
  readonly maxLength: number;
  /** Tokens before it over which the penalty grows (overlong_buffer_cfg.len). */
  readonly buffer: number;
  /** Penalty of the longest response (overlong_buffer_cfg.penalty_factor). */
  readonly factor: number;
}

/** Throws UserError when the buffer is empty or larger than the longest response. */
export function checkOverlong({ maxLength, buffer, factor }: OverlongSettings): void {
  if (buffer > 0 && buffer <= maxLength && factor >= 0) return;
  throw new UserError(
    `The overlong buffer is ${buffer} tokens with penalty factor ${factor}, and the longest response ${maxLength}: the penalty grows over the last tokens of the longest response. Set the buffer between 1 and ${maxLength} and the factor to 0 or more.`,
  );
}

/** What a response of `length` tokens pays: 0 or below. Beyond the longest response it goes on falling, as in verl. */
export function overlongPenalty(length: number, { maxLength, buffer, factor }: OverlongSettings): number {
  const excess = length - (maxLength - buffer);
  return excess > 0 ? (-excess / buffer) * factor : 0;
}
