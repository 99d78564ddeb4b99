// Large files of runs that are not copied: a model of a hub stays where it was fetched, a dropped content lies once for all
// runs and goes with the last, and what is missing is named with the way to get it back.

import { beforeEach, expect, test } from "vitest";

import { bytesSource } from "../../src/formats/safetensors.ts";
import { folderFiles } from "../../src/node/files/folder-files.ts";
import { openFolder } from "../../src/node/files/store.ts";
import { FilePlaces } from "../../src/storage/file-places.ts";
import type { FileTree } from "../../src/storage/model-cache.ts";
import { ModelCache } from "../../src/storage/model-cache.ts";
import type { RunRecord } from "../../src/storage/runs.ts";
import { Runs } from "../../src/storage/runs.ts";
import type { KeyValueStore } from "../../src/storage/store.ts";
import { quotaExceeded, temporaryFolder } from "./stores.ts";

const KEY = { repository: "owner/model", revision: "abc" };
const FILE = "onnx/model_q4.onnx";
const LARGE = Uint8Array.from({ length: 5000 }, (_, i) => (i * 37) % 251);
const OTHER = LARGE.map((byte) => byte ^ 1);

let store: KeyValueStore;
let hub: ModelCache;
let tree: FileTree;
beforeEach(async () => {
  store = await openFolder(await temporaryFolder());
  hub = new ModelCache(folderFiles(await temporaryFolder()));
  tree = folderFiles(await temporaryFolder());
});

const runsWith = (files = tree): Runs =>
  new Runs(store, { places: new FilePlaces(hub, new ModelCache(files), { copiedBelow: 1000 }) });
const dropped = (name: string, bytes = LARGE) => bytesSource(name, bytes);
const bytesKept = async (): Promise<number> =>
  (await tree.list(""))
    .filter(({ path }) => !path.endsWith(".whole"))
    .reduce((sum, { bytes }) => sum + bytes, 0);
const bytesInStore = async (): Promise<number> => {
  const values = await Promise.all((await store.keys("")).map((key) => store.get(key)));
  return values.reduce((sum, value) => sum + value!.length, 0);
};

async function fetched() {
  const part = await hub.part(KEY, FILE);
  await part.append(LARGE);
  await part.complete();
  return (await hub.open(KEY, FILE))!;
}

async function read(runs: Runs, id: string, name: string): Promise<Uint8Array> {
  const source = await runs.openFile(id, name);
  expect(source.name).toBe(name);
  return source.read(0, source.size);
}

const record = (id: string): RunRecord => ({
  id,
  name: `Run ${id}`,
  createdAt: 1,
  updatedAt: 1,
  modelName: "model",
  dataName: "data",
  config: {},
  step: 0,
  totalSteps: 1,
  state: "paused",
  history: [],
});

test("a file that was fetched is read from the cache, and the run is named as one that needs it", async () => {
  const runs = runsWith();
  await runs.save(record("a"));
  await runs.saveFile("a", "model/model_q4.onnx", await fetched());
  expect(await read(runsWith(), "a", "model/model_q4.onnx")).toEqual(LARGE);
  expect(await bytesKept()).toBe(0);
  expect(await bytesInStore()).toBeLessThan(1500);
  expect(await runs.files("a")).toEqual([
    { name: "model/model_q4.onnx", bytes: 5000, place: { at: "hub", ...KEY, path: FILE } },
  ]);
  expect(await runs.needing(KEY)).toEqual(["Run a"]);
  expect(await runs.needing({ ...KEY, revision: "other" })).toEqual([]);
  await runs.remove("a");
  expect(await runs.needing(KEY)).toEqual([]);
  // The cache is the person's: a run that goes takes nothing of it.
  expect(await hub.open(KEY, FILE)).toBeDefined();
});

test("a model that was removed from the cache is named with its commit", async () => {
  const runs = runsWith();
  await runs.saveFile("a", "model/model_q4.onnx", await fetched());
  await hub.remove(KEY);
  await expect(runs.openFile("a", "model/model_q4.onnx")).rejects.toThrow(
    /needs onnx\/model_q4.onnx of owner\/model, which is no longer in this browser. Look up owner\/model@abc/,
  );
  await fetched();
  expect(await read(runs, "a", "model/model_q4.onnx")).toEqual(LARGE);
});

test("a dropped content lies once for all runs, under any name, and goes with the last", async () => {
  const runs = runsWith();
  await runs.saveFile("a", "model/model.safetensors", dropped("model.safetensors"));
  await runs.saveFile("b", "model/other.safetensors", dropped("other.safetensors"));
  await runs.saveFile("b", "model/second.safetensors", dropped("second.safetensors", OTHER));
  expect(await bytesKept()).toBe(10_000);
  expect(await read(runsWith(), "a", "model/model.safetensors")).toEqual(LARGE);
  expect(await read(runs, "b", "model/second.safetensors")).toEqual(OTHER);
  await runs.remove("a");
  expect(await read(runs, "b", "model/other.safetensors")).toEqual(LARGE);
  await runs.remove("b");
  expect(await bytesKept()).toBe(0);
});

test("small files are copied, and files that were copied open as before", async () => {
  const before = new Runs(store);
  await before.saveFile("old", "model/model.safetensors", dropped("model.safetensors"));
  const runs = runsWith();
  await runs.saveFile("a", "model/config.json", dropped("config.json", LARGE.subarray(0, 50)));
  expect(await bytesKept()).toBe(0);
  expect(await read(runs, "a", "model/config.json")).toEqual(LARGE.subarray(0, 50));
  expect(await read(runs, "old", "model/model.safetensors")).toEqual(LARGE);
  expect(await runs.files("old")).toEqual([{ name: "model/model.safetensors", bytes: 5000 }]);
});

test("without room nothing is left of the file, and the run says that it keeps none", async () => {
  const full = runsWith({ ...tree, write: () => Promise.reject(quotaExceeded()) });
  await expect(full.saveFile("a", "model/x", dropped("x"))).rejects.toMatchObject({
    message: expect.stringMatching(
      /The file model\/x was not saved: storage is full. It needs at least/,
    ) as string,
  });
  expect(await full.files("a")).toEqual([]);
  await expect(full.openFile("a", "model/x")).rejects.toThrow(/Run a keeps no file model\/x/);
});

test("a copy that was interrupted goes on where it stopped, and is named until then", async () => {
  let writes = 0;
  const dying: FileTree = {
    ...tree,
    // Killed after the content, before its mark.
    write: (...args) => (++writes > 1 ? new Promise(() => {}) : tree.write(...args)),
  };
  void runsWith(dying).saveFile("a", "model/x", dropped("x"));
  await expect.poll(bytesKept).toBe(5000);
  const runs = runsWith();
  await expect(runs.openFile("a", "model/x")).rejects.toThrow(/needs the dropped file .*not whole/);
  await runs.saveFile("b", "model/x", dropped("x"));
  expect(await read(runs, "a", "model/x")).toEqual(LARGE);
});

test("a content that nobody needs, as a removal that was interrupted leaves it, goes with the next removal", async () => {
  const runs = runsWith();
  await runs.saveFile("a", "model/x", dropped("x"));
  await runs.saveFile("b", "model/y", dropped("y", OTHER));
  for (const key of await store.keys("run/a/")) await store.delete([key]);
  expect(await bytesKept()).toBe(10_000);
  await runs.saveFile("c", "model/z", dropped("z", LARGE.subarray(0, 2000)));
  await runs.remove("c");
  expect(await bytesKept()).toBe(5000);
  expect(await read(runs, "b", "model/y")).toEqual(OTHER);
});

test("a run whose large files lie elsewhere says so where that place does not open", async () => {
  await runsWith().saveFile("a", "model/x", dropped("x"));
  await expect(new Runs(store).openFile("a", "model/x")).rejects.toThrow(
    /does not open the place where large files are kept/,
  );
});
