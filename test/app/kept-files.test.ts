// A run's own copies of its model and problems open what was dropped, after a reload and without the files.

import { expect, test } from "vitest";

import { keepFiles, keptModel, keptProblems, removeCached } from "../../src/app/kept-files.ts";
import { openProblems, splitOf } from "../../src/app/problems.ts";
import type { ByteSource } from "../../src/formats/safetensors.ts";
import { openModel } from "../../src/model/open-model.ts";
import { folderFiles } from "../../src/node/files/folder-files.ts";
import { FilePlaces } from "../../src/storage/file-places.ts";
import { ModelCache } from "../../src/storage/model-cache.ts";
import { Runs } from "../../src/storage/runs.ts";
import { pairFile } from "../rl/preference/given-pairs.ts";
import { demoFile, memoryStore, tinyFiles, tinyWeights } from "../rl/tiny-run.ts";
import { temporaryFolder } from "../storage/stores.ts";

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

test("a model of a hub is opened where it was fetched, and not deleted unasked while a run needs it", async () => {
  const key = { repository: "owner/tiny", revision: "abc" };
  const hub = new ModelCache(folderFiles(await temporaryFolder()));
  const dropped = new ModelCache(folderFiles(await temporaryFolder()));
  const places = new FilePlaces(hub, dropped, { copiedBelow: 10_000 });
  const fetched = await Promise.all(
    tinyFiles().map(async (file) => {
      const part = await hub.part(key, file.name);
      await part.append(await file.read(0, file.size));
      await part.complete();
      return (await hub.open(key, file.name))!;
    }),
  );
  const store = memoryStore();
  const runs = new Runs(store, { places });
  const model = await openModel(fetched, key.repository);
  await keepFiles(runs, "a", model, await openProblems([demoFile("train.jsonl")]));
  await runs.save({
    id: "a",
    name: "GRPO on tiny",
    createdAt: 1,
    updatedAt: 1,
    modelName: model.name,
    dataName: "train.jsonl",
    config: {},
    step: 1,
    totalSteps: 2,
    state: "paused",
    history: [],
  });
  const kept = await runs.files("a");
  expect(kept.flatMap(({ place }) => place ?? [])).toEqual([
    { at: "hub", ...key, path: "model.safetensors" },
    { at: "dropped", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
  ]);
  const again = new Runs(store, { places });
  const opened = await keptModel(again, "a", model.name);
  for (const [name, , values] of tinyWeights()) expect(await opened.weights.read(name), name).toEqual(values);
  expect((await keptProblems(again, "a")).train.problems).toHaveLength(2000);

  await expect(removeCached(hub, runs, key, { evenIfNeeded: false })).rejects.toThrow(
    /owner\/tiny is needed to go on with GRPO on tiny. Delete that run first, or/,
  );
  await removeCached(hub, runs, key, { evenIfNeeded: true });
  await expect(keptModel(again, "a", model.name)).rejects.toThrow(/Look up owner\/tiny@abc under Model/);
  // What is small was copied: the run still says what it was.
  expect((await again.openFile("a", "model/config.json")).size).toBeGreaterThan(0);
  await runs.remove("a");
  await removeCached(hub, runs, key, { evenIfNeeded: false });
  expect(await dropped.models()).toEqual([]);
});
