// The engine against Hugging Face's numbers and against its own invariants: what `npm run gradus -- verify` runs, on the
// golden directory that comes with the project and on those beside the checkout, when they are there.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

import { batchChecks } from "../../src/node/verify/batches.ts";
import type { Check } from "../../src/node/verify/check.ts";
import { checkLine, passes } from "../../src/node/verify/check.ts";
import type { Golden } from "../../src/node/verify/golden.ts";
import { judgeChecks } from "../../src/node/verify/judge.ts";
import { exportChecks } from "../../src/node/verify/exports.ts";
import { openGolden } from "../../src/node/verify/golden.ts";
import { huggingFaceChecks } from "../../src/node/verify/hugging-face.ts";
import { runChecks } from "../../src/node/verify/runs.ts";
import type { Recorder } from "../../src/gpu/index.ts";
import { sharedRecorder } from "../harness.ts";

const fixture = fileURLToPath(new URL("../fixtures/qwen2-tied", import.meta.url));
const beside = (name: string): string =>
  fileURLToPath(new URL(`../../../shared/data/models/${name}`, import.meta.url));
const TIMEOUT_MS = 300_000;

async function expectAllPass(
  run: (recorder: Recorder, golden: Golden) => Promise<Check[]>,
  directory: string,
): Promise<void> {
  const golden = await openGolden(directory);
  const checks = await run(await sharedRecorder(), golden);
  expect(checks.length).toBeGreaterThan(8);
  expect(checks.filter((check) => !passes(check)).map((check) => checkLine(golden.name, check))).toEqual([]);
}

describe.for([
  ["the fixture", fixture] as const,
  ...["qwen3-tied", "llama-tied"].map((name) => [`../shared/data/models/${name}`, beside(name)] as const),
])("%s", ([name, directory]) => {
  const isThere = existsSync(directory);
  test.skipIf(!isThere)(`${name} agrees with Hugging Face`, { timeout: TIMEOUT_MS }, () =>
    expectAllPass(huggingFaceChecks, directory),
  );
  test.skipIf(!isThere)(
    `${name}: batches may be cut, packed and stored in any way`,
    { timeout: TIMEOUT_MS },
    () => expectAllPass(batchChecks, directory),
  );
  test.skipIf(!isThere)(
    `${name}: runs repeat to the bit and hold their memory`,
    { timeout: TIMEOUT_MS },
    () => expectAllPass(runChecks, directory),
  );
});

// The fixture has no exports; its model is the first of these.
test.for(["qwen2-tied", "qwen3-tied", "llama-tied"])(
  "exports of ../shared/data/models/%s",
  (name, { skip }) => {
    if (!existsSync(beside(name))) skip();
    return expectAllPass(exportChecks, beside(name));
  },
);

test("exports of ../shared/data/models/llama-tied say the same in ONNX Runtime", async ({ skip }) => {
  if (!existsSync(beside("llama-tied"))) skip();
  const checks = await judgeChecks(await sharedRecorder(), await openGolden(beside("llama-tied")));
  expect(checks.map(({ name }) => name)).toContain("export tjs-fp32: ONNX Runtime");
  expect(checks.filter((check) => !passes(check)).map((check) => checkLine("", check))).toEqual([]);
});
