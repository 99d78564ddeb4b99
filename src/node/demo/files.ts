// The files of public/demo: problems, tokenizer, configuration, weights, and demo.json, which says how the model was made
// and holds checksums, because a tokenizer with permuted ids makes the weights worthless without any error.

import { createHash } from "node:crypto";
import path from "node:path";

import { SeededRandom } from "../../common/random.ts";
import type { DemoProblem } from "./problems.ts";
import { distinctProblems, responseOf } from "./problems.ts";
import type { DemoScores } from "./evaluate.ts";
import { BATCH, configJson, FILES, GATES, STAGES } from "./recipe.ts";
import { replaceFile } from "../files/replace-file.ts";
import type { TokenizerFiles } from "./tokenizer.ts";

/** The problems of a file: always the same. */
export const fileProblems = (side: "train" | "test"): DemoProblem[] =>
  distinctProblems(new SeededRandom(FILES.seed, side === "train" ? 0 : 1), side, FILES[side]);

/** Rows in verl's form, one a line. The prompt is the bare question: the model was taught without instruction. */
export function problemRows(problems: readonly DemoProblem[]): string {
  const rows = problems.map((problem) => ({
    prompt: problem.question,
    ground_truth: String(problem.answer),
    data_source: "openai/gsm8k",
    extra_info: { question: problem.question, answer: responseOf(problem, "working") },
  }));
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}

/** Writes everything that does not depend on the weights. */
export async function writeTaskFiles(folder: string, tokenizer: TokenizerFiles): Promise<void> {
  for (const [name, text] of Object.entries(taskFiles(tokenizer)))
    await replaceFile(path.join(folder, name), text);
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 1)}\n`;

/** Text by file name of everything that does not depend on the weights. */
export const taskFiles = (files: TokenizerFiles): Record<string, string> => ({
  "tokenizer.json": json(files.tokenizer),
  "tokenizer_config.json": json(files.config),
  "config.json": json(configJson(files)),
  "train.jsonl": problemRows(fileProblems("train")),
  "test.jsonl": problemRows(fileProblems("test")),
});

/** Writes the weights' file and demo.json beside the task's files. */
export async function writeModel(
  folder: string,
  model: { readonly name: string; readonly bytes: Uint8Array },
  tokenizer: TokenizerFiles,
  made: { readonly seed: number; readonly adapter: string; readonly scores: DemoScores },
): Promise<void> {
  await replaceFile(path.join(folder, model.name), model.bytes);
  const facts = {
    task: "18 stories of one or two steps, numbers to 60; a tenth of all arithmetic is held out",
    ...made,
    heldOut: FILES.test,
    gates: GATES,
    steps: Object.fromEntries(STAGES.map(({ name, schedule }) => [name, schedule.totalSteps])),
    batch: BATCH,
    sha256: {
      [model.name]: sha256(model.bytes),
      "tokenizer.json": sha256(taskFiles(tokenizer)["tokenizer.json"]!),
    },
  };
  await replaceFile(path.join(folder, "demo.json"), json(facts));
}

const sha256 = (content: Uint8Array | string): string => createHash("sha256").update(content).digest("hex");
