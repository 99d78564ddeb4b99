// A long run of bytes cut into chunks under a prefix, and a manifest that lists them, written last: without it the bytes
// do not exist. Reads are checked chunk by chunk. What the bytes are is known to the files that use this one.

import { UserError } from "../common/errors.ts";
import type { JsonObject } from "../formats/json.ts";
import { crc32 } from "./crc32.ts";
import { seal, unseal } from "./sealed.ts";
import type { KeyValueStore } from "./store.ts";
import { writeFailure } from "./store.ts";

interface Chunk {
  readonly key: string;
  readonly bytes: number;
  /** CRC-32. */
  readonly checksum: number;
}

export interface Manifest extends JsonObject {
  readonly version: 1;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
  readonly bytes: number;
  readonly chunks: readonly Chunk[];
}

/** Saved bytes are not what was written. */
export class DamageError extends UserError {}

const MANIFEST = "manifest";

/** The store refused to write, in contrast to faults of whoever gives the bytes. */
class RefusedWrite extends Error {}

async function put(store: KeyValueStore, key: string, bytes: Uint8Array): Promise<void> {
  try {
    await store.set(key, bytes);
  } catch (cause) {
    throw new RefusedWrite(key, { cause });
  }
}

/** Where the manifest of the bytes under `prefix` lies; the prefix ends with "/". */
const manifestKey = (prefix: string): string => `${prefix}${MANIFEST}`;

/** Takes bytes in pieces of any size and writes them in chunks. */
export class ChunkWriter {
  readonly chunks: Chunk[] = [];
  /** Bytes taken so far. */
  bytes = 0;
  readonly #store: KeyValueStore;
  readonly #prefix: string;
  readonly #buffer: Uint8Array;
  #used = 0;

  constructor(store: KeyValueStore, prefix: string, chunkBytes: number) {
    this.#store = store;
    this.#prefix = prefix;
    this.#buffer = new Uint8Array(chunkBytes);
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + this.#buffer.length - this.#used);
      this.#buffer.set(piece, this.#used);
      at += piece.length;
      this.bytes += piece.length;
      this.#used += piece.length;
      if (this.#used === this.#buffer.length) await this.flush();
    }
  }

  /** Writes what is left as a shorter chunk. */
  async flush(): Promise<void> {
    if (this.#used === 0) return;
    const bytes = this.#buffer.subarray(0, this.#used);
    const key = `${this.#prefix}${String(this.chunks.length).padStart(5, "0")}`;
    this.chunks.push({ key, bytes: bytes.length, checksum: crc32(bytes) });
    await put(this.#store, key, bytes);
    this.#used = 0;
  }
}

interface SaveOptions {
  /** Ends with "/"; nothing else lies under it. */
  readonly prefix: string;
  /** Shown in messages: "The checkpoint of step 20". */
  readonly what: string;
  readonly chunkBytes: number;
  /** All bytes to come, where known, for the message about a full disk. */
  readonly expectedBytes?: number | undefined;
}

/**
 * Saves what `produce` writes, with the fields that it returns in the manifest. Whatever was saved under the prefix before
 * stays whole until the new manifest stands in its place. Throws StorageFullError, and what `produce` throws; then
 * nothing new is left behind.
 */
export async function saveChunks(
  store: KeyValueStore,
  { prefix, what, chunkBytes, expectedBytes = 0 }: SaveOptions,
  produce: (writer: ChunkWriter) => Promise<JsonObject>,
): Promise<void> {
  const before = await store.keys(prefix);
  const writer = new ChunkWriter(store, `${prefix}${nextGeneration(prefix, before)}-`, chunkBytes);
  try {
    const fields = await produce(writer);
    await writer.flush();
    const { bytes, chunks } = writer;
    const manifest: Manifest = { ...fields, version: 1, savedAt: Date.now(), bytes, chunks };
    await put(store, manifestKey(prefix), seal(manifest));
  } catch (error) {
    // A store that cannot even delete is cleaned at the next save; the first error is the one to tell.
    await store.delete(writer.chunks.map(({ key }) => key)).catch(() => {});
    if (!(error instanceof RefusedWrite)) throw error;
    const failed = { what, bytes: Math.max(expectedBytes, writer.bytes) };
    throw await writeFailure(error.cause, store, failed);
  }
  await store.delete(before.filter((key) => key !== manifestKey(prefix)));
}

/** A number that no chunk under `prefix` has yet, so that saving again never writes over what is there. */
function nextGeneration(prefix: string, keys: readonly string[]): number {
  const used = keys.map((key) => Number.parseInt(key.slice(prefix.length), 10));
  return used.reduce((most, generation) => (generation > most ? generation : most), 0) + 1;
}

/** Prefixes below `root` that have a manifest, in order of name; `root` ends with "/". */
export async function savedPrefixes(store: KeyValueStore, root: string): Promise<string[]> {
  const keys = await store.keys(root);
  return keys.filter((key) => key.endsWith(`/${MANIFEST}`)).map((key) => key.slice(0, -MANIFEST.length));
}

/** Deletes what interrupted saves left below `root`: chunks without a manifest. */
export async function sweepChunks(store: KeyValueStore, root: string): Promise<void> {
  const keys = await store.keys(root);
  const saved = new Set(keys.filter((key) => key.endsWith(`/${MANIFEST}`)));
  await store.delete(keys.filter((key) => !saved.has(manifestKey(key.slice(0, key.lastIndexOf("/") + 1)))));
}

/** Deletes everything under `prefix`, the manifest first. */
export async function removeChunks(store: KeyValueStore, prefix: string): Promise<void> {
  await store.delete([manifestKey(prefix), ...(await store.keys(prefix))]);
}

/** The manifest under `prefix`; undefined when nothing is saved there. Throws DamageError when it cannot be trusted. */
export async function readManifest<T extends Manifest>(
  store: KeyValueStore,
  prefix: string,
  what: string,
): Promise<T | undefined> {
  const bytes = await store.get(manifestKey(prefix));
  if (!bytes) return undefined;
  const manifest = unseal(bytes) as T | undefined;
  if (!manifest) throw new DamageError(`${what} is damaged: its manifest does not match its checksum.`);
  if (manifest.version === 1) return manifest;
  throw new DamageError(
    `${what} was written by another version of Gradus (format ${String(manifest.version)}; this one reads 1).`,
  );
}

/** Reads saved bytes from any position; keeps the last chunk, so reading in order reads each chunk once. */
export class ChunkReader {
  readonly #store: KeyValueStore;
  readonly #what: string;
  readonly #chunks: readonly Chunk[];
  #last: { readonly index: number; readonly bytes: Promise<Uint8Array> } | undefined;

  constructor(store: KeyValueStore, what: string, { chunks }: Manifest) {
    this.#store = store;
    this.#what = what;
    this.#chunks = chunks;
  }

  /** Fills `target` with the bytes from `start` on. Throws DamageError naming the chunk that is not what was written. */
  async readInto(target: Uint8Array, start: number): Promise<void> {
    let chunkStart = 0;
    for (const [index, { bytes: length }] of this.#chunks.entries()) {
      const from = Math.max(start, chunkStart);
      const to = Math.min(start + target.length, chunkStart + length);
      if (from < to) {
        const chunk = await this.#chunk(index);
        target.set(chunk.subarray(from - chunkStart, to - chunkStart), from - start);
      }
      chunkStart += length;
    }
  }

  /** Reads every chunk. Throws DamageError as `readInto` does. */
  async check(): Promise<void> {
    for (const index of this.#chunks.keys()) await this.#checked(index);
  }

  #chunk(index: number): Promise<Uint8Array> {
    if (this.#last?.index !== index) this.#last = { index, bytes: this.#checked(index) };
    return this.#last.bytes;
  }

  async #checked(index: number): Promise<Uint8Array> {
    const { key, bytes: length, checksum } = this.#chunks[index]!;
    const damaged = (why: string): DamageError =>
      new DamageError(
        `${this.#what} is damaged: chunk ${index + 1} of ${this.#chunks.length} (${key}) ${why}.`,
      );
    const bytes = await this.#store.get(key);
    if (!bytes) throw damaged("is missing");
    if (bytes.length !== length) throw damaged(`has ${bytes.length} bytes of ${length}`);
    if (crc32(bytes) !== checksum) throw damaged("does not match its checksum");
    return bytes;
  }
}
