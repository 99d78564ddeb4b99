// Run records and the files kept with a run, on both stores.

import "fake-indexeddb/auto";
import { describe, expect, test, vi } from "vitest";

import { bytesSource } from "../../src/formats/safetensors.ts";
import { Checkpoints } from "../../src/storage/checkpoints.ts";
import type { RunRecord } from "../../src/storage/runs.ts";
import { Runs } from "../../src/storage/runs.ts";
import { flip, fullAfter, killedAt, noSpaceLeft, quotaExceeded, STORES } from "./stores.ts";

// Every write to a folder is synced, which takes a slow disk its time.
vi.setConfig({ testTimeout: 60_000 });

const CHUNK = { chunkBytes: 16 };

const recordOf = (id: string, over: Partial<RunRecord> = {}): RunRecord => ({
  id,
  name: "First run",
  createdAt: 1000,
  updatedAt: 2000,
  modelName: "model.onnx",
  dataName: "gsm8k.jsonl",
  config: { algorithm: { adv_estimator: "grpo" }, lr: 1e-6 },
  step: 2,
  totalSteps: 10,
  state: "running",
  history: [
    { step: 1, "actor/loss": 0.1 },
    { step: 2, "actor/loss": Number.NaN },
  ],
  ...over,
});

const content = Uint8Array.from({ length: 100 }, (_, i) => (i * 37) % 256);

describe.each(STORES)("runs in %s", (_, open) => {
  test("come back as they were, not-a-numbers in the history too", async () => {
    const runs = new Runs(await open());
    await runs.save(recordOf("a"));
    expect(await runs.load("a")).toEqual(recordOf("a"));
    await runs.save(recordOf("a", { step: 3, state: "paused" }));
    expect(await runs.load("a")).toMatchObject({ step: 3, state: "paused" });
    await expect(runs.load("b")).rejects.toThrow(/no run b here/);
    // A record of before there was anything kept for a cluster has no word of it.
    expect("kept" in (await runs.load("a"))).toBe(false);
    const kept = { "trainer.nnodes": 2, "trainer.logger": ["console"], "data.tokenizer": null };
    await runs.save(recordOf("a", { kept }));
    expect((await runs.load("a")).kept).toEqual(kept);
  });

  test("are listed last changed first, those with a damaged record by id", async () => {
    const store = await open();
    const runs = new Runs(store);
    for (const [id, updatedAt] of [
      ["a", 5],
      ["b", 9],
      ["c", 7],
    ] as const)
      await runs.save(recordOf(id, { updatedAt }));
    await new Checkpoints(store).save("a", { step: 1, meta: {}, tensors: [] });
    await flip(store, "run/c/record", 30);
    const list = await runs.list();
    expect(list.runs.map(({ id }) => id)).toEqual(["b", "a"]);
    expect(list.damaged).toEqual(["c"]);
    await expect(runs.load("c")).rejects.toThrow(/record of run c is damaged/);
  });

  test("are removed with files and checkpoints, and without touching others", async () => {
    const store = await open();
    const runs = new Runs(store, CHUNK);
    const checkpoints = new Checkpoints(store, CHUNK);
    for (const id of ["a", "a2"]) {
      await runs.save(recordOf(id));
      await runs.saveFile(id, "x", bytesSource("x", content));
      await checkpoints.save(id, { step: 1, meta: {}, tensors: [["w", new Float32Array(9)]] });
    }
    await runs.remove("a");
    expect(await store.keys("run/a/")).toEqual([]);
    expect((await runs.list()).runs.map(({ id }) => id)).toEqual(["a2"]);
    expect((await checkpoints.load("a2", 1)).tensors.get("w")).toHaveLength(9);
    expect(await runs.files("a2")).toEqual([{ name: "x", bytes: 100 }]);
  });

  test("keep files of any name and size", async () => {
    const runs = new Runs(await open(), CHUNK);
    const names = [
      "model.onnx",
      ".hidden",
      "..",
      "a/b c",
      "数据.jsonl",
      "50%",
      "it's (1)*.part",
      "manifest",
      "\ud800",
    ];
    for (const [length, name] of names.entries())
      await runs.saveFile("a", name, bytesSource(name, content.subarray(0, length * 11)));
    for (const [length, name] of names.entries()) {
      const file = await runs.openFile("a", name);
      expect([file.name, file.size]).toEqual([name, length * 11]);
      expect([...(await file.read(0, file.size))]).toEqual([...content.subarray(0, length * 11)]);
    }
    expect(await runs.files("a")).toHaveLength(names.length);
    await runs.removeFile("a", "..");
    await expect(runs.openFile("a", "..")).rejects.toThrow(/keeps no file \.\.: drop it/);
    expect(await runs.files("a")).toHaveLength(names.length - 1);
  });

  test("read a file at any place, as from the file itself, and no further than its end", async () => {
    const runs = new Runs(await open(), CHUNK);
    await runs.saveFile("a", "x", bytesSource("x", content));
    const file = await runs.openFile("a", "x");
    const original = bytesSource("x", content);
    for (const [start, end] of [
      [0, 0],
      [0, 16],
      [15, 17],
      [3, 99],
      [96, 100],
      [90, 300],
      [100, 100],
      [200, 300],
    ] as const)
      expect([...(await file.read(start, end))]).toEqual([...(await original.read(start, end))]);
    const parts = await Promise.all([file.read(0, 20), file.read(60, 80), file.read(10, 30)]);
    expect(parts.map((part) => part[0])).toEqual([content[0], content[60], content[10]]);
  });

  test("find damage in a file where it is read", async () => {
    const store = await open();
    const runs = new Runs(store, CHUNK);
    await runs.saveFile("a", "x", bytesSource("x", content));
    await flip(store, (await store.keys("run/a/file/x/"))[2]!, 5);
    const file = await runs.openFile("a", "x");
    expect(await file.read(0, 32)).toHaveLength(32);
    await expect(file.read(30, 40)).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringMatching(/kept file x is damaged: chunk 3 of 7.*does not match/),
    });
    await flip(store, "run/a/file/x/manifest", 40);
    await expect(runs.openFile("a", "x")).rejects.toThrow(/kept file x is damaged: its manifest/);
    expect(await runs.files("a")).toEqual([
      { name: "x", bytes: 0, problem: expect.stringMatching(/its manifest/) },
    ]);
  });

  test.each([
    ["quota", quotaExceeded],
    ["disk", noSpaceLeft],
  ])("a full %s leaves the record and the file before", async (__, error) => {
    const store = await open();
    const runs = new Runs(store, CHUNK);
    await runs.save(recordOf("a"));
    await runs.saveFile("a", "x", bytesSource("x", content));
    const before = await store.keys("");
    const full = new Runs(fullAfter(store, 40, error), CHUNK);
    const other = bytesSource("x", content.toReversed());
    await expect(full.saveFile("a", "x", other)).rejects.toThrow(/The file x was not saved: storage is full/);
    await expect(full.save(recordOf("a", { step: 9 }))).rejects.toThrow(/record of run a was not saved/);
    expect(await runs.load("a")).toEqual(recordOf("a"));
    expect([...(await (await runs.openFile("a", "x")).read(0, 100))]).toEqual([...content]);
    expect(await store.keys("")).toEqual(before);
  });

  test("a file whose saving was killed is not there, and its bytes go with the next", async () => {
    const store = await open();
    const dying = new Runs(killedAt(store, 4), CHUNK);
    await expect(dying.saveFile("a", "x", bytesSource("x", content))).rejects.toThrow("killed");
    const runs = new Runs(store, CHUNK);
    expect(await runs.files("a")).toEqual([]);
    await runs.saveFile("a", "y", bytesSource("y", content.subarray(0, 3)));
    expect(await store.keys("")).toEqual(["run/a/file/y/1-00000", "run/a/file/y/manifest"]);
  });

  test("a file that ends before its size is refused", async () => {
    const store = await open();
    const short = { ...bytesSource("x", content), size: 120 };
    await expect(new Runs(store, CHUNK).saveFile("a", "x", short)).rejects.toThrow(
      /x ended early: 16 bytes were wanted at 96, 4 came/,
    );
    expect(await store.keys("")).toEqual([]);
  });
});

test("a refusal of the system other than a full disk is told in its words", async () => {
  const denied = (): Error => Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
  const runs = new Runs(fullAfter(await STORES[0]![1](), 0, denied));
  await expect(runs.save(recordOf("a"))).rejects.toMatchObject({
    name: "UserError",
    message: expect.stringMatching(/refused to write it \(EACCES: permission denied\)/),
  });
});
