// Checkpoints: exact round trips, damage in every byte that matters, a full disk, a killed save; on both stores.

import "fake-indexeddb/auto";
import { describe, expect, test, vi } from "vitest";

import type { CheckpointData } from "../../src/storage/checkpoints.ts";
import { Checkpoints } from "../../src/storage/checkpoints.ts";
import type { KeyValueStore } from "../../src/storage/store.ts";
import { StorageFullError } from "../../src/storage/store.ts";
import { flip, fullAfter, killedAt, noSpaceLeft, quotaExceeded, STORES } from "./stores.ts";

// Every write to a folder is synced, which takes a slow disk its time.
vi.setConfig({ testTimeout: 60_000 });

/** 52 bytes of tensors become seven chunks of 8 bytes, with tensors across their borders. */
const CHUNK = { chunkBytes: 8 };
const RUN = "run-1";

const tensorsOf = (step: number): Map<string, Float32Array> =>
  new Map([
    ["value/a", Float32Array.from({ length: 7 }, (_, i) => step + i / 3)],
    ["m/a", Float32Array.of(Number.NaN, -0, Infinity, 1e-45, -3.4e38)],
    ["v/a", Float32Array.of(step)],
    ["empty", new Float32Array(0)],
  ]);

const dataOf = (step: number, meta: CheckpointData["meta"] = { accuracy: step / 100 }): CheckpointData => ({
  step,
  meta,
  tensors: tensorsOf(step),
});

const bitsOf = (tensors: ReadonlyMap<string, Float32Array>) =>
  [...tensors].map(([name, values]) => [name, [...new Uint32Array(values.slice().buffer)]]);

async function savedSteps(store: KeyValueStore): Promise<number[]> {
  return (await new Checkpoints(store).list(RUN)).map(({ step }) => step);
}

async function expectWhole(store: KeyValueStore, step: number): Promise<void> {
  const { tensors } = await new Checkpoints(store).load(RUN, step);
  expect(bitsOf(tensors)).toEqual(bitsOf(tensorsOf(step)));
}

describe.each(STORES)("checkpoints in %s", (_, open) => {
  test("come back to the bit, tensors and meta, whatever the chunk size", async () => {
    const meta = {
      seed: 12345678901,
      rate: 0.1 + 0.2,
      loss: Number.NaN,
      low: -Infinity,
      zero: -0,
      nested: { list: [1, null, "ä\n", { isOn: true }] },
    };
    for (const chunkBytes of [3, 8, 51, 52, 53]) {
      const store = await open();
      const checkpoints = new Checkpoints(store, { chunkBytes });
      await checkpoints.save(RUN, dataOf(20, meta));
      const loaded = await checkpoints.load(RUN, 20);
      expect(loaded.step).toBe(20);
      expect(loaded.meta).toEqual(meta);
      expect(bitsOf(loaded.tensors)).toEqual(bitsOf(tensorsOf(20)));
      const chunks = (await store.keys("")).filter((key) => !key.endsWith("manifest"));
      expect(chunks).toHaveLength(Math.ceil(52 / chunkBytes));
      for (const key of chunks) expect((await store.get(key))!.length).toBeLessThanOrEqual(chunkBytes);
    }
  });

  test("are taken tensor by tensor from a generator, and read one at a time in any order", async () => {
    const checkpoints = new Checkpoints(await open(), CHUNK);
    async function* readBack() {
      for (const [name, values] of tensorsOf(3)) {
        await Promise.resolve();
        yield [name, values] as const;
      }
    }
    await checkpoints.save(RUN, { ...dataOf(3), tensors: readBack() });
    const opened = await checkpoints.open(RUN, 3);
    expect([...opened.tensors]).toEqual([
      ["value/a", 7],
      ["m/a", 5],
      ["v/a", 1],
      ["empty", 0],
    ]);
    const read = new Map<string, Float32Array>();
    for (const name of ["v/a", "m/a", "value/a", "empty"]) read.set(name, await opened.read(name));
    expect(new Map(bitsOf(read) as [])).toEqual(new Map(bitsOf(tensorsOf(3)) as []));
    await expect(opened.read("w")).rejects.toThrow(/has no tensor "w"/);
    expect(await opened.read("value/a", 2, 3)).toEqual(read.get("value/a")!.slice(2, 5));
    expect(await opened.read("m/a", 4)).toEqual(read.get("m/a")!.slice(4));
  });

  test("are listed oldest step first, with their size and the plain values of meta", async () => {
    const checkpoints = new Checkpoints(await open(), CHUNK);
    for (const step of [100, 5, 20])
      await checkpoints.save(
        RUN,
        dataOf(step, { accuracy: 0.5, device: "x", done: false, history: [{ a: 1 }], none: null }),
      );
    await checkpoints.save("run-10", dataOf(7));
    const list = await checkpoints.list(RUN);
    expect(list.map(({ step }) => step)).toEqual([5, 20, 100]);
    expect(list[0]).toEqual({
      step: 5,
      bytes: 52,
      savedAt: expect.closeTo(Date.now(), -5),
      summary: { accuracy: 0.5, device: "x", done: false },
    });
    expect(await checkpoints.list("run-2")).toEqual([]);
  });

  test("of a step that was saved already are replaced", async () => {
    const store = await open();
    const checkpoints = new Checkpoints(store, CHUNK);
    await checkpoints.save(RUN, { ...dataOf(5), tensors: new Map([["old", new Float32Array(100)]]) });
    await checkpoints.save(RUN, dataOf(5));
    await expectWhole(store, 5);
    expect(await store.keys("")).toHaveLength(8);
  });

  test("that do not exist are refused with those that do", async () => {
    const checkpoints = new Checkpoints(await open(), CHUNK);
    await expect(checkpoints.load(RUN, 1)).rejects.toThrow(/step 1 of run run-1 does not exist.*steps: none/);
    await checkpoints.save(RUN, dataOf(5));
    await expect(checkpoints.load(RUN, 6)).rejects.toThrow(/steps: 5\./);
  });

  test("are removed one by one, wholly", async () => {
    const store = await open();
    const checkpoints = new Checkpoints(store, CHUNK);
    for (const step of [1, 2]) await checkpoints.save(RUN, dataOf(step));
    await checkpoints.remove(RUN, 1);
    await checkpoints.remove(RUN, 9);
    expect(await savedSteps(store)).toEqual([2]);
    expect(await store.keys("")).toHaveLength(8);
  });

  test("are pruned to the newest and the best", async () => {
    const store = await open();
    const checkpoints = new Checkpoints(store, CHUNK);
    const accuracies = [0.2, 0.9, 0.9, 0.4, Number.NaN, 0.5];
    for (const [step, accuracy] of accuracies.entries())
      await checkpoints.save(RUN, dataOf(step, { accuracy }));
    expect(await checkpoints.prune(RUN, { newest: 2, best: "accuracy" })).toEqual([0, 1, 3]);
    expect(await savedSteps(store)).toEqual([2, 4, 5]);
    expect(await checkpoints.prune(RUN, { newest: 1 })).toEqual([2, 4]);
    await expectWhole(store, 5);
    expect(await store.keys("")).toHaveLength(8);
  });

  test("a flipped byte in any chunk is named, and the newest whole checkpoint with it", async () => {
    const store = await open();
    const checkpoints = new Checkpoints(store, CHUNK);
    for (const step of [1, 2, 3, 4]) await checkpoints.save(RUN, dataOf(step));
    await flip(store, (await store.keys(`run/${RUN}/step/000000003/`))[0]!, 0);
    const chunks = (await store.keys(`run/${RUN}/step/000000004/`)).filter(
      (key) => !key.endsWith("manifest"),
    );
    expect(chunks).toHaveLength(7);
    for (const [index, key] of chunks.entries()) {
      const at = (await store.get(key))!.length - 1;
      await flip(store, key, at);
      await expect(checkpoints.load(RUN, 4)).rejects.toMatchObject({
        name: "UserError",
        message: expect.stringMatching(
          new RegExp(`step 4 .*chunk ${index + 1} of 7 \\(${key}\\).*Use the checkpoint of step 2 instead`),
        ),
      });
      await flip(store, key, at);
    }
    await expectWhole(store, 4);
    await expectWhole(store, 1);
  });

  test("a chunk that is missing or short is damage too", async () => {
    const store = await open();
    const checkpoints = new Checkpoints(store, CHUNK);
    await checkpoints.save(RUN, dataOf(4));
    const [first, second] = (await store.keys(`run/${RUN}/step/`)) as [string, string];
    await store.set(second, (await store.get(second))!.slice(1));
    await expect(checkpoints.load(RUN, 4)).rejects.toThrow(/chunk 2 of 7 .* has 7 bytes of 8/);
    await store.delete([first]);
    await expect(checkpoints.load(RUN, 4)).rejects.toThrow(
      /chunk 1 of 7 .* is missing\. The run has no other checkpoint that is whole/,
    );
  });

  test("a flipped byte anywhere in a manifest is found, and the others still load", async () => {
    const store = await open();
    const checkpoints = new Checkpoints(store, CHUNK);
    for (const step of [1, 2]) await checkpoints.save(RUN, dataOf(step));
    const key = `run/${RUN}/step/000000002/manifest`;
    const length = (await store.get(key))!.length;
    for (let at = 0; at < length; at += 41) {
      await flip(store, key, at);
      await expect(checkpoints.load(RUN, 2)).rejects.toMatchObject({
        name: "UserError",
        message: expect.stringMatching(/step 2 .*manifest.*Use the checkpoint of step 1 instead/),
      });
      await flip(store, key, at);
    }
    await flip(store, key, 20);
    expect((await checkpoints.list(RUN)).map(({ step, problem }) => [step, problem !== undefined])).toEqual([
      [1, false],
      [2, true],
    ]);
    await expectWhole(store, 1);
    await checkpoints.save(RUN, dataOf(2));
    await expectWhole(store, 2);
    expect(await store.keys("")).toHaveLength(16);
  });

  test.each([
    ["quota", quotaExceeded],
    ["disk", noSpaceLeft],
  ])("a full %s leaves the checkpoint before, and nothing of the new one", async (__, error) => {
    const store = await open();
    await new Checkpoints(store, CHUNK).save(RUN, dataOf(1));
    const before = await store.keys("");
    // 52 bytes of chunks, then the manifest.
    for (const bytes of [0, 8, 30, 51, 52, 60]) {
      const full = new Checkpoints(fullAfter(store, bytes, error), CHUNK);
      const failure = await full.save(RUN, dataOf(2)).catch((thrown: unknown) => thrown);
      expect(failure).toBeInstanceOf(StorageFullError);
      expect(failure).toMatchObject({
        name: "UserError",
        message: expect.stringMatching(
          /step 2 of run run-1 was not saved: storage is full\. It needs at least 1 kB, and the system gives no more.*Remove old/,
        ),
      });
      expect(await store.keys("")).toEqual(before);
    }
    await expectWhole(store, 1);
    const told = { ...fullAfter(store, 0, error), freeBytes: () => Promise.resolve(20) };
    await expect(new Checkpoints(told, CHUNK).save(RUN, dataOf(2))).rejects.toThrow(/and 1 kB are free/);
  });

  test("a full disk while a step is saved again leaves what was saved of it", async () => {
    const store = await open();
    await new Checkpoints(store, CHUNK).save(RUN, dataOf(1));
    const full = new Checkpoints(fullAfter(store, 60, quotaExceeded), CHUNK);
    await expect(full.save(RUN, { ...dataOf(1), meta: { other: true } })).rejects.toThrow(/storage is full/);
    await expectWhole(store, 1);
    expect(await store.keys("")).toHaveLength(8);
  });

  test("a save that is killed at any write never happened, and the next save cleans up", async () => {
    const store = await open();
    await new Checkpoints(store, CHUNK).save(RUN, dataOf(1));
    for (let write = 1; write <= 8; write++) {
      const dying = new Checkpoints(killedAt(store, write), CHUNK);
      await expect(dying.save(RUN, dataOf(1 + write))).rejects.toThrow("killed");
      expect(await savedSteps(store)).toEqual([1]);
      await expectWhole(store, 1);
    }
    expect((await store.keys("")).length).toBeGreaterThan(8);
    await new Checkpoints(store, CHUNK).save(RUN, dataOf(2));
    expect(await savedSteps(store)).toEqual([1, 2]);
    expect(await store.keys("")).toHaveLength(16);
  });

  test("saves that are not awaited do not clean up each other", async () => {
    const store = await open();
    const checkpoints = new Checkpoints(store, CHUNK);
    await Promise.all([1, 2, 3].map((step) => checkpoints.save(RUN, dataOf(step))));
    for (const step of [1, 2, 3]) await expectWhole(store, step);
  });
});

test("an error of whoever gives the tensors is thrown as it is, and nothing stays", async () => {
  const store = await STORES[0]![1]();
  function* broken() {
    yield ["a", new Float32Array(10)] as const;
    throw new RangeError("device lost");
  }
  const saving = new Checkpoints(store, CHUNK).save(RUN, { ...dataOf(1), tensors: broken() });
  await expect(saving).rejects.toThrow(new RangeError("device lost"));
  expect(await store.keys("")).toEqual([]);
});

test("what a checkpoint cannot keep is a fault of ours", async () => {
  const checkpoints = new Checkpoints(await STORES[0]![1](), CHUNK);
  const twice = [
    ["a", new Float32Array(1)],
    ["a", new Float32Array(1)],
  ] as const;
  for (const [data, message] of [
    [dataOf(1.5), /step 1\.5/],
    [dataOf(1, { key: Uint32Array.of(1) }), /"key" holds Uint32Array/],
    [{ ...dataOf(1), tensors: twice }, /two tensors "a"/],
  ] as const)
    await expect(checkpoints.save(RUN, data)).rejects.toMatchObject({
      name: "BugError",
      message: expect.stringMatching(message),
    });
  await expect(checkpoints.save("../x", dataOf(1))).rejects.toThrow(/run id "\.\.\/x"/);
  await expect(checkpoints.prune(RUN, { newest: 0 })).rejects.toThrow(/keep 0/);
});
