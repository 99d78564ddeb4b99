// Whether a loaded ONNX model computes here what ONNX Runtime computes from the same file: asked once after loading, before
// training is offered. Decides what to ask and turns what went wrong into a verdict; the two engines are in rollout and model.

import { isForPerson } from "../common/error-words.ts";
import { UserError } from "../common/errors.ts";
import type { Tokenizer } from "../formats/tokenizer.ts";
import type { Recorder } from "../gpu/index.ts";
import type { OpenedModel } from "../model/open-model.ts";
import { compare, engineLogProbs, measureOf, onnxLogProbs } from "../rollout/onnxruntime/judge.ts";
import type { Verdict } from "../rollout/onnxruntime/judge.ts";

export type { Verdict } from "../rollout/onnxruntime/judge.ts";

/** Log-probabilities that are compared: enough for every part of the model, few enough for a large vocabulary. */
const COMPARED = 32;
/** Plain words, numbers and a line break: what tokenizers of problems know. */
const TEXT =
  "Maria has 48 apples and gives half of them to her friends.\nHow many apples does she have left, if she buys 3 more?";

/** Tokens of a fixed text, or of any kind where the vocabulary has none for it. */
export function judgedTokens(tokenizer: Pick<Tokenizer, "encode" | "vocabSize">): number[] {
  const count = COMPARED + 1;
  const tokens = textTokens(tokenizer).slice(0, count);
  while (tokens.length < count) tokens.push((tokens.length * 37 + 11) % Math.max(1, tokenizer.vocabSize));
  return tokens;
}

function textTokens(tokenizer: Pick<Tokenizer, "encode">): number[] {
  try {
    return tokenizer.encode(TEXT, { addSpecialTokens: true });
  } catch (error) {
    if (error instanceof UserError) return [];
    throw error;
  }
}

export interface JudgeOptions {
  /** Told what is under way, for a person. */
  readonly onStage?: (stage: string) => void;
  /** Gives up between two stages; `judgeModel` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * The verdict on a model out of an ONNX file, undefined on any other. The two engines run one after the other, so that the device
 * holds the weights once. Nothing else may use the device meanwhile.
 */
export async function judgeModel(
  recorder: Recorder,
  { config, weights, tokenizer, onnx }: Pick<OpenedModel, "config" | "weights" | "tokenizer" | "onnx">,
  options: JudgeOptions = {},
): Promise<Verdict | undefined> {
  return onnx && judgeOn(recorder, { config, weights, onnx }, judgedTokens(tokenizer), options);
}

/** The verdict on what a model says about `tokens`. */
export async function judgeOn(
  recorder: Recorder,
  { config, weights, onnx }: Pick<OpenedModel, "config" | "weights"> & Required<Pick<OpenedModel, "onnx">>,
  tokens: readonly number[],
  { onStage = () => {}, signal }: JudgeOptions = {},
): Promise<Verdict> {
  const { baseType, tolerance } = measureOf(config, weights, onnx.description);
  try {
    signal?.throwIfAborted();
    onStage("Running the file in ONNX Runtime");
    const theirs = await onnxLogProbs(onnx, tokens, { recorder });
    signal?.throwIfAborted();
    onStage("Running it here");
    const ours = await engineLogProbs(recorder, { config, weights }, tokens, { baseType });
    signal?.throwIfAborted();
    return compare(ours, theirs, tolerance);
  } catch (error) {
    signal?.throwIfAborted();
    if (isForPerson(error)) return { kind: "skipped", message: `Not compared: ${error.message}` };
    throw error;
  }
}
