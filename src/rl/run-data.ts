// What a run learns from and is tested on, in tokens: made once, before anything is allocated.

import { UserError } from "../common/errors.ts";
import { kindOf } from "../formats/problem.ts";
import type { RunConfig } from "./config.ts";
import { whyUnfit } from "./config/data-fit.ts";
import { withPairs } from "./preference/given-pairs.ts";
import type { Prompt, TextModel } from "./prompts.ts";
import { promptsOf } from "./prompts.ts";
import type { RunProblems } from "./run.ts";
import { checkAnswers, endToken } from "./sft-examples.ts";

export interface RunData {
  /** Under offline preference each with its pair. */
  readonly train: readonly Prompt[];
  /** Those that can be answered and judged. */
  readonly heldOut: readonly Prompt[];
  /** Under offline preference. */
  readonly heldOutPairs: readonly Prompt[];
  /** Problems left out because their prompts are too long. */
  readonly tooLong: number;
  /** Pairs left out because a response is too long. */
  readonly longPairs: number;
}

/** Tokenizes the problems. Throws UserError when the method cannot learn from them, or none is left. */
export function dataOf(
  model: TextModel,
  problems: RunProblems,
  config: RunConfig,
  stopTokens: readonly number[],
): RunData {
  const [first] = problems.train;
  if (!first)
    throw new UserError(
      "There is no problem to train on: drop a file with problems, or lower the held-out share.",
    );
  const unfit = whyUnfit(config, kindOf(first));
  if (unfit) throw new UserError(unfit);
  const longest = config["data.max_prompt_length"];
  const train = promptsOf(model, problems.train, longest);
  if (config["gradus.mode"] === "sft") checkAnswers(train.prompts);
  const heldOut = promptsOf(model, problems.heldOut, longest);
  const isDpo = config["gradus.mode"] === "dpo";
  const limits = { end: endToken(model, stopTokens), maxTokens: config["data.max_response_length"] };
  const pairs = isDpo ? withPairs(model, train.prompts, limits) : { prompts: train.prompts, tooLong: 0 };
  const withPair = isDpo ? heldOut.prompts.filter(({ problem }) => problem.pair) : [];
  const heldOutPairs = withPairs(model, withPair, limits);
  return {
    train: pairs.prompts,
    heldOut: limited(
      heldOut.prompts.filter(({ problem }) => problem.groundTruth !== ""),
      config,
    ),
    heldOutPairs: limited(heldOutPairs.prompts, config),
    tooLong: train.tooLong + heldOut.tooLong,
    longPairs: pairs.tooLong + heldOutPairs.tooLong,
  };
}

function limited(prompts: readonly Prompt[], config: RunConfig): readonly Prompt[] {
  const limit = config["data.val_max_samples"];
  return limit < 0 ? prompts : prompts.slice(0, limit);
}
