// `verify`: holds the engine against golden numbers and against its own invariants. A directory is a model of Hugging Face,
// one line per check; a .json file is verl's algorithms, one line per kind.

import { readFile } from "node:fs/promises";
import path from "node:path";

import { UserError } from "../../common/errors.ts";
import type { Recorder } from "../../gpu/index.ts";
import { openRecorder } from "../../gpu/index.ts";
import { chooseMatmul } from "../../ops/matmul-choice.ts";
import { installWebGpu } from "../adapter.ts";
import { defineCommand } from "../command.ts";
import type { GoldenCase } from "../verify/algorithms-golden.ts";
import { parseCases } from "../verify/algorithms-golden.ts";
import { isAllRight, reportLines, runAlgorithms } from "../verify/algorithms.ts";
import { batchChecks } from "../verify/batches.ts";
import type { Check } from "../verify/check.ts";
import { checkLine, passes } from "../verify/check.ts";
import { exportChecks } from "../verify/exports.ts";
import type { Golden } from "../verify/golden.ts";
import { openGolden } from "../verify/golden.ts";
import { judgeChecks } from "../verify/judge.ts";
import { huggingFaceChecks } from "../verify/hugging-face.ts";
import { runChecks } from "../verify/runs.ts";

export const verify = defineCommand({
  name: "verify",
  summary: "compare the engine with golden numbers of Hugging Face and verl, and check its invariants",
  usage: "DIR|FILE.json... [options]",
  takesNames: true,
  options: {
    measured: {
      type: "boolean",
      description:
        "use the matrix products that are fastest here, as a training run does, not the default ones",
    },
  },
  async run({ values, positionals }) {
    if (positionals.length === 0)
      throw new UserError(
        "verify needs at least one directory or .json file of golden numbers: npm run gradus -- verify DIR",
      );
    const files = positionals.filter((name) => name.endsWith(".json"));
    const goldens: Golden[] = [];
    for (const name of positionals) if (!files.includes(name)) goldens.push(await openGolden(name));
    const algorithms: (readonly GoldenCase[])[] = [];
    for (const file of files) algorithms.push(await readAlgorithms(file));
    const opening = installWebGpu().then((gpu) => openRecorder({ gpu }));
    const recorder = goldens.length > 0 ? await opening : await opening.catch(withoutDevice);
    if (recorder && values.measured) await chooseMatmul(recorder);
    if (recorder) console.log(`adapter: ${recorder.gpu.adapterName}`);
    let isRight = true;
    for (const cases of algorithms) isRight = (await verifyAlgorithms(recorder, cases)) && isRight;
    if (recorder && goldens.length > 0) isRight = (await verifyModels(recorder, goldens)) && isRight;
    return isRight ? 0 : 1;
  },
});

/** Algorithms have cases for the processor too; the report says which were left out. */
function withoutDevice(error: unknown): undefined {
  if (!(error instanceof Error) || error.name !== "GpuError") throw error;
  console.log(`No WebGPU adapter, so what runs on the device is not compared: ${error.message}`);
}

async function readAlgorithms(file: string): Promise<readonly GoldenCase[]> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new UserError(
      `${file} could not be read (${cause instanceof Error ? cause.message : String(cause)}), so nothing was compared. Check the path.`,
      { cause },
    );
  });
  return parseCases(path.basename(file), text);
}

async function verifyAlgorithms(
  recorder: Recorder | undefined,
  cases: readonly GoldenCase[],
): Promise<boolean> {
  const report = await runAlgorithms(cases, recorder);
  for (const line of reportLines(report)) console.log(line);
  return isAllRight(report);
}

async function verifyModels(recorder: Recorder, goldens: readonly Golden[]): Promise<boolean> {
  const checks: Check[] = [];
  for (const golden of goldens) {
    const skipped = (line: string): void => console.log(`skipped ${golden.name}: ${line}`);
    const judged: typeof exportChecks = (device, model) => judgeChecks(device, model, skipped);
    for (const run of [exportChecks, judged, huggingFaceChecks, batchChecks, runChecks]) {
      for (const check of await run(recorder, golden)) {
        console.log(checkLine(golden.name, check));
        checks.push(check);
      }
    }
  }
  const failed = checks.filter((check) => !passes(check)).length;
  console.log(`${checks.length - failed} of ${checks.length} checks passed`);
  return failed === 0;
}
