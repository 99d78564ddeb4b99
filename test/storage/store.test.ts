// What both stores promise: whole values by key, in a browser's database and in a folder.

import "fake-indexeddb/auto";
import { describe, expect, test } from "vitest";

import { openIndexedDb } from "../../src/storage/indexed-db.ts";
import { STORES } from "./stores.ts";

describe.each(STORES)("%s", (_, open) => {
  test("gives back the bytes that were set, and nothing for other keys", async () => {
    const store = await open();
    await store.set("a/b", Uint8Array.of(1, 2, 255));
    await store.set("a/empty", new Uint8Array(0));
    expect([...(await store.get("a/b"))!]).toEqual([1, 2, 255]);
    expect((await store.get("a/empty"))!.length).toBe(0);
    expect(await store.get("a/c")).toBeUndefined();
    expect(await store.get("a")).toBeUndefined();
    expect(await store.get("a/b/c")).toBeUndefined();
  });

  test("set replaces, whether the new bytes are more or fewer", async () => {
    const store = await open();
    for (const length of [5, 9, 2]) {
      await store.set("key", new Uint8Array(length).fill(length));
      expect([...(await store.get("key"))!]).toEqual(Array.from({ length }, () => length));
    }
  });

  test("a view is stored without the buffer behind it, and may be overwritten afterwards", async () => {
    const store = await open();
    const buffer = new Uint8Array(1000).fill(7);
    await store.set("view", buffer.subarray(10, 13));
    buffer.fill(0);
    const bytes = (await store.get("view"))!;
    expect([...bytes]).toEqual([7, 7, 7]);
    expect(bytes.buffer.byteLength).toBeLessThan(1000);
  });

  test("keys come sorted, by prefix and not by folder", async () => {
    const store = await open();
    for (const key of ["run/b/2", "run/a/x", "run/b/10", "run/ba", "other"])
      await store.set(key, Uint8Array.of(0));
    expect(await store.keys("run/b")).toEqual(["run/b/10", "run/b/2", "run/ba"]);
    expect(await store.keys("run/b/")).toEqual(["run/b/10", "run/b/2"]);
    expect(await store.keys("run/c/")).toEqual([]);
    expect(await store.keys("")).toHaveLength(5);
  });

  test("delete forgets what it is given, and what is not there is no error", async () => {
    const store = await open();
    for (const key of ["run/a/1", "run/a/2", "run/b"]) await store.set(key, Uint8Array.of(0));
    await store.delete(["run/a/2", "run/a/3", "run/b"]);
    expect(await store.keys("")).toEqual(["run/a/1"]);
    await store.delete(["run/a/1"]);
    await store.set("run/a/1", Uint8Array.of(3));
    expect([...(await store.get("run/a/1"))!]).toEqual([3]);
  });
});

test("two IndexedDB stores of one name are one, of two names are two", async () => {
  await (await openIndexedDb("shared")).set("key", Uint8Array.of(1));
  expect(await (await openIndexedDb("shared")).keys("")).toEqual(["key"]);
  expect(await (await openIndexedDb("other")).keys("")).toEqual([]);
});

test("a browser without IndexedDB is told what to do", async () => {
  const { indexedDB } = globalThis;
  try {
    Reflect.deleteProperty(globalThis, "indexedDB");
    await expect(openIndexedDb()).rejects.toThrow(/no IndexedDB.*Use a current browser/);
  } finally {
    globalThis.indexedDB = indexedDB;
  }
});
