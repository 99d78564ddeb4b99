// The ONNX exports beside a golden model in ONNX Runtime and in our engine: both must say the same about the golden sequences,
// each with its own reading of the same file.

import { judgeOn } from "../../app/judge.ts";
import type { Recorder } from "../../gpu/index.ts";
import { openOnnx } from "../../model/open-model.ts";
import type { Check } from "./check.ts";
import { exportsOf, onnxFilesOf } from "./exports.ts";
import type { Golden } from "./golden.ts";

/**
 * One check for each folder of `exports/` that ONNX Runtime runs on this machine; `onSkipped` is told of the others and why.
 * Throws UserError as opening them does.
 */
export async function judgeChecks(
  recorder: Recorder,
  golden: Golden,
  onSkipped: (line: string) => void = () => {},
): Promise<Check[]> {
  const [longest] = golden.groups
    .map(({ prompt, responses }) => [...prompt, ...responses[0]!])
    .toSorted((a, b) => b.length - a.length);
  const checks: Check[] = [];
  for (const [entry, files] of await exportsOf(golden)) {
    const opened = await openOnnx(onnxFilesOf(golden.config, files));
    const verdict = await judgeOn(recorder, opened, longest!);
    const name = `export ${entry}: ONNX Runtime`;
    if (verdict.kind === "skipped") onSkipped(`${name}: ${verdict.message}`);
    else {
      const { worst, tolerance, tokens, backend } = verdict;
      checks.push({ name, worst, unit: "abs", tolerance, where: `one of ${tokens} tokens (${backend})` });
    }
  }
  return checks;
}
