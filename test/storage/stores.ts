// The two stores that every storage test runs on, and stores that fail as disks and tabs do.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";

import { openFolder } from "../../src/node/files/store.ts";
import { openIndexedDb } from "../../src/storage/indexed-db.ts";
import type { KeyValueStore } from "../../src/storage/store.ts";

/** A folder that goes with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "gradus-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

let databases = 0;

export const STORES: readonly (readonly [name: string, open: () => Promise<KeyValueStore>])[] = [
  ["IndexedDB", () => openIndexedDb(`test ${++databases}`)],
  ["a folder", async () => openFolder(await temporaryFolder())],
];

/** `store` until `bytes` have been written to it; then each write throws what `error` makes. */
export function fullAfter(store: KeyValueStore, bytes: number, error: () => Error): KeyValueStore {
  let written = 0;
  return {
    ...store,
    set: (key, value) => {
      written += value.length;
      return written > bytes ? Promise.reject(error()) : store.set(key, value);
    },
  };
}

export const quotaExceeded = (): Error => new DOMException("The quota is exceeded.", "QuotaExceededError");
export const noSpaceLeft = (): Error =>
  Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });

/** `store` as a process sees it that is killed at its write number `at`, from 1: nothing works from there on. */
export function killedAt(store: KeyValueStore, at: number): KeyValueStore {
  let writes = 0;
  const unlessDead = <T>(work: () => Promise<T>): Promise<T> =>
    writes >= at ? Promise.reject(new Error("killed")) : work();
  return {
    get: (key) => unlessDead(() => store.get(key)),
    set: (key, value) => {
      writes++;
      return unlessDead(() => store.set(key, value));
    },
    delete: (keys) => unlessDead(() => store.delete(keys)),
    keys: (prefix) => unlessDead(() => store.keys(prefix)),
    freeBytes: () => unlessDead(() => store.freeBytes()),
  };
}

/** Flips the lowest bit of byte `at` of the value of `key`. */
export async function flip(store: KeyValueStore, key: string, at: number): Promise<void> {
  const bytes = (await store.get(key))!.slice();
  bytes[at]! ^= 1;
  await store.set(key, bytes);
}
