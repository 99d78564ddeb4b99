// The store of a browser: one IndexedDB database of one table, in a page or a worker. The database itself promises that a
// value is there whole or not at all; how values belong together is above it.

import { wordsOf } from "../common/error-words.ts";
import { createStore, delMany, get, promisifyRequest, set } from "idb-keyval";

import { UserError } from "../common/errors.ts";
import { storageEstimate } from "./quota.ts";
import type { KeyValueStore } from "./store.ts";

/** Opens database `name`. Throws UserError where the browser has no IndexedDB or refuses to open it. */
export async function openIndexedDb(name = "gradus"): Promise<KeyValueStore> {
  if (typeof indexedDB === "undefined")
    throw new UserError(
      "This browser has no IndexedDB, so runs and checkpoints cannot be kept. Use a current browser, outside private browsing.",
    );
  const table = createStore(name, "bytes");
  const keysFrom = (prefix: string): Promise<string[]> =>
    table("readonly", async (store) => {
      const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
      return (await promisifyRequest(store.getAllKeys(range))) as string[];
    });
  try {
    await table("readonly", (store) => promisifyRequest(store.count()));
  } catch (error) {
    const said = wordsOf(error);
    throw new UserError(
      `The browser does not open its database (${said}), so runs and checkpoints cannot be kept. Leave private browsing, or allow this site to store data.`,
      { cause: error },
    );
  }
  return {
    get: (key) => get<Uint8Array>(key, table),
    // A view would be stored with the whole buffer behind it.
    set: (key, bytes) =>
      set(key, bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice(), table),
    delete: (keys) => delMany([...keys], table),
    keys: keysFrom,
    freeBytes: async () => {
      const { quotaBytes, usedBytes } = await storageEstimate();
      return quotaBytes === undefined || usedBytes === undefined ? undefined : quotaBytes - usedBytes;
    },
  };
}
