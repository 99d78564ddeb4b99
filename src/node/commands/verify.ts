// `verify`: holds the engine against directories of golden numbers and against its own invariants, one line per check.

import { UserError } from "../../common/errors.ts";
import { openGpu, Recorder, selfTest } from "../../gpu/index.ts";
import { chooseMatmul } from "../../ops/matmul-choice.ts";
import { installWebGpu } from "../adapter.ts";
import { defineCommand } from "../command.ts";
import { batchChecks } from "../verify/batches.ts";
import type { Check } from "../verify/check.ts";
import { checkLine, passes } from "../verify/check.ts";
import { openGolden } from "../verify/golden.ts";
import { huggingFaceChecks } from "../verify/hugging-face.ts";
import { runChecks } from "../verify/runs.ts";

export const verify = defineCommand({
  name: "verify",
  summary: "compare the engine with golden numbers of Hugging Face, and check its invariants",
  usage: "DIR... [options]",
  options: {
    measured: {
      type: "boolean",
      description:
        "use the matrix products that are fastest here, as a training run does, not the default ones",
    },
  },
  async run({ values, positionals: directories }) {
    if (directories.length === 0)
      throw new UserError(
        "verify needs at least one directory of golden numbers: npm run gradus -- verify DIR...",
      );
    const goldens = [];
    for (const directory of directories) goldens.push(await openGolden(directory));
    const recorder = new Recorder(await openGpu({ gpu: await installWebGpu() }));
    await selfTest(recorder);
    if (values.measured) await chooseMatmul(recorder);
    console.log(`adapter: ${recorder.gpu.adapterName}`);
    const checks: Check[] = [];
    for (const golden of goldens) {
      for (const run of [huggingFaceChecks, batchChecks, runChecks]) {
        for (const check of await run(recorder, golden)) {
          console.log(checkLine(golden.name, check));
          checks.push(check);
        }
      }
    }
    const failed = checks.filter((check) => !passes(check)).length;
    console.log(`${checks.length - failed} of ${checks.length} checks passed`);
    return failed > 0 ? 1 : 0;
  },
});
