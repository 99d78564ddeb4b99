// Preference pairs of the data as token ids, and as the rollouts that updates and passes work on. Samples nothing and judges
// nothing: the data says which response is better.

import { UserError } from "../../common/errors.ts";
import type { Prompt, TextModel } from "../prompts.ts";
import type { JudgedRollout } from "../score.ts";

export interface PairLimits {
  /** The token that ends a text. */
  readonly end: number;
  /** Longest response with its end, tokens. */
  readonly maxTokens: number;
}

/** The prompts with both responses in tokens, and how many are left out because one is too long. Throws UserError when none is left of some. */
export function withPairs(
  { tokenizer }: TextModel,
  prompts: readonly Prompt[],
  { end, maxTokens }: PairLimits,
): { prompts: Prompt[]; tooLong: number } {
  const tokensOf = (text: string): number[] => [...tokenizer.encode(text), end];
  const all = prompts.map((prompt): Prompt => {
    const { chosen, rejected } = prompt.problem.pair!;
    return { ...prompt, pair: { chosen: tokensOf(chosen), rejected: tokensOf(rejected) } };
  });
  const fitting = all.filter((prompt) => longer(prompt) <= maxTokens);
  if (all.length > 0 && fitting.length === 0) {
    const shortest = Math.min(...all.map(longer));
    throw new UserError(
      `Every pair has a response of more than the longest response of ${maxTokens} tokens; the shortest pair needs ${shortest}. Raise the longest response (data.max_response_length), or drop shorter pairs.`,
    );
  }
  return { prompts: fitting, tooLong: all.length - fitting.length };
}

const longer = ({ pair }: Prompt): number => Math.max(pair!.chosen.length, pair!.rejected.length);

/** Of every prompt the chosen response, then the rejected one. Nothing was earned: the rewards only say which is which. */
export const givenRollouts = (prompts: readonly Prompt[]): JudgedRollout[] =>
  prompts.flatMap(({ problem, pair }, group) =>
    (["chosen", "rejected"] as const).map((which, sample): JudgedRollout => {
      const isChosen = which === "chosen";
      return {
        tokens: pair![which],
        samplerLogProb: [],
        isTruncated: false,
        text: problem.pair![which],
        reward: { score: isChosen ? 1 : 0, strict: isChosen, flexible: isChosen },
        overlongPenalty: 0,
        group,
        sample,
      };
    }),
  );
