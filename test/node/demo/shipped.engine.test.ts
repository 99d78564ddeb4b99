// The shipped demo model answers as demo.json says: its weights are read from the ONNX file, as the page does.

import { existsSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { openOnnxModel } from "../../../src/formats/onnx/model.ts";
import { loadParameters } from "../../../src/model/parameters.ts";
import type { DemoScores } from "../../../src/node/demo/evaluate.ts";
import { scoreDemo } from "../../../src/node/demo/evaluate.ts";
import { DemoEncoder } from "../../../src/node/demo/examples.ts";
import { fileProblems } from "../../../src/node/demo/files.ts";
import { DEMO_CONFIG } from "../../../src/node/demo/recipe.ts";
import { trainTokenizer } from "../../../src/node/demo/tokenizer.ts";
import { createDemoPolicy } from "../../../src/node/demo/train.ts";
import { sourceOf } from "../../formats/fixtures.ts";
import { sharedRecorder } from "../../harness.ts";

const FOLDER = new URL("../../../public/demo/", import.meta.url);
const read = (name: string): Buffer => readFileSync(new URL(name, FOLDER));

test.skipIf(!existsSync(new URL("demo.json", FOLDER)))(
  "the model of public/demo scores what demo.json says",
  async () => {
    const tokenizer = trainTokenizer();
    const config = { ...DEMO_CONFIG, eosTokenIds: [tokenizer.endId] };
    const policy = await createDemoPolicy(await sharedRecorder(), config, 1);
    const weights = await openOnnxModel({ model: sourceOf("model.onnx", read("model.onnx")), config });
    await loadParameters(policy.recorder, policy.memory.weights.parameters, weights);
    const scores = await scoreDemo(policy, await DemoEncoder.open(tokenizer), fileProblems("test"));
    policy.destroy();
    const { scores: told } = JSON.parse(read("demo.json").toString()) as { scores: DemoScores };
    // Another adapter rounds otherwise, and a greedy choice between two nearly equal tokens may tip: 4 of 200.
    for (const name of ["greedy", "direct", "working"] as const)
      expect(Math.abs(scores[name] - told[name]), name).toBeLessThanOrEqual(0.02);
    expect(Math.abs(scores.length - told.length)).toBeLessThan(0.5);
  },
);
