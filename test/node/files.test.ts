// The folder store: what lies on disk, and folders that cannot be used.

import { mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";

import { folderSources } from "../../src/node/files/source.ts";
import { openFolder } from "../../src/node/files/store.ts";
import { temporaryFolder } from "../storage/stores.ts";

test("a key is a file, made with its folders, and nothing else stays behind", async () => {
  const folder = path.join(await temporaryFolder(), "new", "runs");
  const store = await openFolder(folder);
  await store.set("run/a/record", Uint8Array.of(1, 2));
  expect([...(await readFile(path.join(folder, "run", "a", "record")))]).toEqual([1, 2]);
  expect(await readdir(path.join(folder, "run", "a"))).toEqual(["record"]);
});

test("folders that become empty go, up to the first", async () => {
  const folder = await temporaryFolder();
  const store = await openFolder(folder);
  await store.set("run/a/step/1/x", Uint8Array.of(1));
  await store.set("run/b", Uint8Array.of(1));
  await store.delete(["run/a/step/1/x", "run/b"]);
  expect(await readdir(folder, { recursive: true })).toEqual(["run"]);
});

test("a file that a crash left half-written is no key, and goes when it is old", async () => {
  const folder = await temporaryFolder();
  await mkdir(path.join(folder, "run"));
  const [old, fresh] = ["old.part", "fresh.part"].map((name) => path.join(folder, "run", name)) as [
    string,
    string,
  ];
  for (const file of [old, fresh]) await writeFile(file, "half");
  await utimes(old, 0, 0);
  const store = await openFolder(folder);
  expect(await store.keys("")).toEqual([]);
  expect(await readdir(path.join(folder, "run"))).toEqual(["fresh.part"]);
  await store.set("run/fresh", Uint8Array.of(9));
  expect(await readdir(path.join(folder, "run"))).toEqual(["fresh"]);
});

test("a write that fails leaves the bytes that were there", async () => {
  const folder = await temporaryFolder();
  const store = await openFolder(folder);
  await store.set("key", Uint8Array.of(1));
  // The name of the half-written file is taken by a folder, so that it cannot be opened.
  await mkdir(path.join(folder, "key.part", "full"), { recursive: true });
  await expect(store.set("key", Uint8Array.of(2))).rejects.toThrow();
  expect([...(await store.get("key"))!]).toEqual([1]);
});

test.each(["../out", "a//b", "", "/a", "a/.hidden", "a\\b", "a.part", "a b"])(
  "%j is refused as a key",
  async (key) => {
    const store = await openFolder(await temporaryFolder());
    await expect(async () => store.set(key, Uint8Array.of(1))).rejects.toThrow(/is no key/);
    await expect(async () => store.get(key)).rejects.toThrow(/is no key/);
  },
);

test("a folder that is a file is refused with its name", async () => {
  const file = path.join(await temporaryFolder(), "notes.txt");
  await writeFile(file, "");
  await expect(openFolder(file)).rejects.toMatchObject({
    name: "UserError",
    message: expect.stringMatching(/notes\.txt cannot be used.*Choose another/),
  });
});

test("the free bytes of a disk are known", async () => {
  const store = await openFolder(await temporaryFolder());
  expect(await store.freeBytes()).toBeGreaterThan(0);
});

test("a model's folder gives its files and those of its folder onnx, each under its own path", async () => {
  const folder = path.join(await temporaryFolder(), "model");
  await mkdir(path.join(folder, "onnx"), { recursive: true });
  for (const name of ["config.json", "onnx/config.json", "onnx/model.onnx"])
    await writeFile(path.join(folder, name), name);
  const sources = await folderSources(folder);
  expect(sources.map(({ name }) => name).toSorted()).toEqual([
    "model/config.json",
    "model/onnx/config.json",
    "model/onnx/model.onnx",
  ]);
  const texts = await Promise.all(sources.map((source) => source.read(0, source.size)));
  expect(texts.map((bytes) => `model/${new TextDecoder().decode(bytes)}`)).toEqual(
    sources.map(({ name }) => name),
  );
});
