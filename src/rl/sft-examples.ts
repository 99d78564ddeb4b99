// Worked answers as examples for supervised fine-tuning.

import { UserError } from "../common/errors.ts";
import type { Prompt, TextModel } from "./prompts.ts";
import type { Run } from "./run.ts";
import type { SftExample } from "./sft.ts";

/** Throws UserError when a problem has no answer: better before a run than in the step that draws it. */
export function checkAnswers(prompts: readonly Prompt[]): void {
  for (const prompt of prompts) if (prompt.problem.answer === undefined) throw noAnswer(prompt);
}

const noAnswer = ({ problem }: Prompt): UserError =>
  new UserError(
    `The problem "${problem.question.slice(0, 60)}" has no worked answer, and supervised fine-tuning imitates those. Drop a file with answers (GSM8K has them), or choose reinforcement learning.`,
  );

/** The token that ends a response which the model did not write itself. */
export const endToken = ({ tokenizer }: TextModel, stopTokens: readonly number[]): number =>
  tokenizer.eosToken?.id ?? stopTokens[0]!;

/** Prompt and answer of each problem, the answer cut at the longest response, else ended by the model's end token. */
export function sftExamples({ model, config, stopTokens }: Run, prompts: readonly Prompt[]): SftExample[] {
  const longest = config["data.max_response_length"];
  const end = endToken(model, stopTokens);
  return prompts.map((prompt) => {
    const { problem, tokens } = prompt;
    if (problem.answer === undefined) throw noAnswer(prompt);
    return { prompt: tokens, response: [...model.tokenizer.encode(problem.answer), end].slice(0, longest) };
  });
}
