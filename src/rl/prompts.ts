// From problems to prompts in tokens, and in which order a run takes them. The order depends on the seed alone; how many a run
// has taken is its only cursor. Samples nothing.

import { UserError } from "../common/errors.ts";
import { SeededRandom } from "../common/random.ts";
import type { ChatTemplate } from "../formats/chat-template.ts";
import type { Problem } from "../formats/problem.ts";
import type { Tokenizer } from "../formats/tokenizer.ts";

/** A problem as the model gets it. */
export interface Prompt {
  readonly problem: Problem;
  readonly tokens: readonly number[];
  /** The two responses of a preference pair, where a run learns from those; each ends with the token that ends a text. */
  readonly pair?: { readonly chosen: readonly number[]; readonly rejected: readonly number[] };
}

export interface TextModel {
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
}

/** Keeps the stream of the data order apart from those of sampling and of a fresh adapter. */
const ORDER_STREAM = 0x0da7a;

/** Tokens of a problem's messages, ending where the model is to answer. */
const promptTokens = ({ tokenizer, template }: TextModel, { messages }: Problem): number[] =>
  tokenizer.encode(template.render(messages, { addGenerationPrompt: true }));

/**
 * The prompts of at most `maxTokens` tokens, in order, and how many are longer. Throws UserError when none is left of some.
 */
export function promptsOf(
  model: TextModel,
  problems: readonly Problem[],
  maxTokens: number,
): { prompts: Prompt[]; tooLong: number } {
  const all = problems.map((problem) => ({ problem, tokens: promptTokens(model, problem) }));
  const prompts = all.filter(({ tokens }) => tokens.length <= maxTokens);
  if (all.length > 0 && prompts.length === 0) {
    const shortest = Math.min(...all.map(({ tokens }) => tokens.length));
    throw new UserError(
      `Every problem is longer than the longest prompt of ${maxTokens} tokens; the shortest has ${shortest}. Raise the longest prompt (data.max_prompt_length), or drop shorter problems.`,
    );
  }
  return { prompts, tooLong: all.length - prompts.length };
}

/** A prompt of a step with the number that names it to the random generator. */
export interface Drawn<T> {
  readonly item: T;
  readonly key: number;
}

export interface OrderOptions {
  readonly seed: number;
  readonly shuffle: boolean;
}

/**
 * `count` prompts from place `first` of one endless list: the prompts shuffled, again for every pass. `key` is the place in
 * that list, so no two prompts of a run share one.
 */
export function promptsFrom<T>(
  prompts: readonly T[],
  first: number,
  count: number,
  { seed, shuffle }: OrderOptions,
): Drawn<T>[] {
  let epoch = -1;
  let order: number[] = [];
  return Array.from({ length: count }, (_, i) => {
    const key = first + i;
    if (Math.floor(key / prompts.length) !== epoch) {
      epoch = Math.floor(key / prompts.length);
      order = Array.from(prompts, (_, at) => at);
      if (shuffle) new SeededRandom(seed, ORDER_STREAM + epoch).shuffle(order);
    }
    return { item: prompts[order[key % prompts.length]!]!, key };
  });
}

/** Passes over `count` prompts, whole and begun, after `drawn` of them were taken. */
export const epochsAfter = (drawn: number, count: number): number => drawn / count;
