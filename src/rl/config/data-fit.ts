// Which method learns from which data: told before a run, on the page and by the command line.

import type { DataKind } from "../../formats/problem.ts";
import type { RunConfig } from "../config.ts";
import { RUN_FIELDS } from "./run-fields.ts";

/** Why a run with `config` cannot learn from data of this kind, in a sentence; undefined when it can. */
export function whyUnfit(config: RunConfig, kind: DataKind): string | undefined {
  const mode = config["gradus.mode"];
  const { label } = RUN_FIELDS["gradus.mode"].choices.find(({ value }) => value === mode)!;
  if (mode === "dpo" && kind === "problems")
    return `${label} learns from preference pairs, and these are problems to answer: drop a file with prompt, chosen and rejected, or choose another method (gradus.mode).`;
  if (kind === "pairs" && mode !== "dpo" && mode !== "sft")
    return `${label} judges sampled responses by an answer, and these are preference pairs: choose offline preference (gradus.mode=dpo), or drop problems with answers.`;
  return undefined;
}
