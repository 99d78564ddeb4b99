// A run's own copies of its model and problems open what was dropped, after a reload and without the files.

import { expect, test } from "vitest";

import { keepFiles, keptModel, keptProblems } from "../../src/app/kept-files.ts";
import { openProblems, splitOf } from "../../src/app/problems.ts";
import type { ByteSource } from "../../src/formats/safetensors.ts";
import { openModel } from "../../src/model/open-model.ts";
import { Runs } from "../../src/storage/runs.ts";
import { pairFile } from "../rl/preference/given-pairs.ts";
import { demoFile, memoryStore, tinyFiles, tinyWeights } from "../rl/tiny-run.ts";

const inFolder = (folder: string, file: ByteSource): ByteSource => ({
  ...file,
  name: `${folder}/${file.name}`,
});

test("model and problems open from the copies as from the files", async () => {
  const store = memoryStore();
  const model = await openModel([
    ...tinyFiles().map((file) => inFolder("tiny", file)),
    demoFile("train.jsonl"),
  ]);
  const problems = await openProblems([demoFile("train.jsonl"), demoFile("test.jsonl")]);
  await keepFiles(new Runs(store), "a", model, problems);

  const runs = new Runs(store);
  const opened = await keptModel(runs, "a", model.name);
  expect(opened.name).toBe("tiny");
  expect(opened.config).toEqual(model.config);
  expect(opened.tokenizer.encode("3+4=7")).toEqual(model.tokenizer.encode("3+4=7"));
  for (const [name, , values] of tinyWeights()) expect(await opened.weights.read(name), name).toEqual(values);
  const again = await keptProblems(runs, "a");
  expect(splitOf(again, 0.1)).toEqual(splitOf(problems, 0.1));
});

test("preference pairs open from the copies as from the files, with the questions to test with", async () => {
  const runs = new Runs(memoryStore());
  const problems = await openProblems([await pairFile("train.jsonl", 20), demoFile("test.jsonl")]);
  await keepFiles(runs, "a", await openModel(tinyFiles()), problems);
  const again = await keptProblems(runs, "a");
  expect(again.train.problems[0]!.pair).toBeDefined();
  expect(splitOf(again, 0.3)).toEqual(splitOf(problems, 0.3));
});

test("a run whose files were not kept says so", async () => {
  const runs = new Runs(memoryStore());
  await expect(keptModel(runs, "a", "tiny")).rejects.toMatchObject({ name: "UserError" });
  await expect(keptProblems(runs, "a")).rejects.toMatchObject({ name: "UserError" });
});
