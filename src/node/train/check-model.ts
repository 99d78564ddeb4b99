// What `train` says about an ONNX model before it trains it: whether ONNX Runtime makes the same of the file.

import { judgeModel } from "../../app/judge.ts";
import { UserError } from "../../common/errors.ts";
import type { Recorder } from "../../gpu/index.ts";
import type { OpenedModel } from "../../model/open-model.ts";

/**
 * One line on what ONNX Runtime says, undefined for a model that does not come from an ONNX file. Throws UserError when it says
 * something else than our engine.
 */
export async function checkByOnnxRuntime(
  recorder: Recorder,
  model: OpenedModel,
  { isSkipped }: { readonly isSkipped: boolean },
): Promise<string | undefined> {
  if (!model.onnx) return undefined;
  if (isSkipped)
    return "Not compared with ONNX Runtime: whether this file is read rightly here is not known.";
  const { kind, message } = (await judgeModel(recorder, model))!;
  if (kind === "differs") throw new UserError(`${message} Add --no-judge to train it all the same.`);
  return message;
}
