// Fetches the files of a model into the cache: goes on where it stopped, checks size and hash before a file counts as whole,
// and tells how far it is. A broken connection is tried again a few times; what has come is never lost.

import { UserError } from "../common/errors.ts";
import type { ByteSource } from "../formats/safetensors.ts";
import type { CachedPart, ModelCache, ModelKey } from "../storage/model-cache.ts";
import { PIECE_BYTES, sha256Of } from "../storage/sha256.ts";
import { StorageFullError, writeFailure } from "../storage/store.ts";
import type { Hub, HubFile, Repository } from "./repository.ts";
import { ask, fileUrl } from "./repository.ts";

export interface DownloadOptions {
  /** Leaves the download; what has come stays. */
  readonly signal?: AbortSignal;
  /** Bytes of all files that are there, and of all files. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Waits before a broken connection is tried again, milliseconds. */
  readonly pauses?: readonly number[];
}

const PAUSES = [500, 2000, 8000] as const;
const UNKNOWN_ROOM = { freeBytes: () => Promise.resolve(undefined) };

/** The files of `files` from the cache, those that are missing fetched first. Throws UserError; an abort throws AbortError. */
export async function fetchFiles(
  hub: Hub,
  repository: Repository,
  files: readonly HubFile[],
  cache: ModelCache,
  options: DownloadOptions = {},
): Promise<ByteSource[]> {
  const key: ModelKey = { repository: repository.id, revision: repository.revision };
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const kept = await Promise.all(files.map(({ path }) => cache.open(key, path)));
  const isKept = (i: number): boolean => kept[i]?.size === files[i]!.bytes;
  let there = files.reduce((sum, { bytes }, i) => sum + (isKept(i) ? bytes : 0), 0);
  const tell = (done: number): void => options.onProgress?.(there + done, total);
  tell(0);
  if (kept.some((_, i) => !isKept(i)))
    await cache.list(key, repository.files).catch(async (error: unknown) => {
      throw await notWritten(error, `the list of ${repository.id}`, total);
    });
  const sources: ByteSource[] = [];
  for (const [i, file] of files.entries()) {
    let source = kept[i];
    if (!isKept(i)) {
      await fetchFile(hub, repository, file, await cache.part(key, file.path), tell, options);
      source = (await cache.open(key, file.path))!;
      there += file.bytes;
      tell(0);
    }
    sources.push(source!);
  }
  return sources;
}

/** Fetches what is missing of one file, checks it, and marks it as whole. */
async function fetchFile(
  hub: Hub,
  repository: Repository,
  file: HubFile,
  part: CachedPart,
  tell: (done: number) => void,
  { signal, pauses = PAUSES }: DownloadOptions,
): Promise<void> {
  if (part.bytes > file.bytes) await part.discard();
  if (file.bytes === 0) await part.append(new Uint8Array());
  for (let attempt = 0; part.bytes < file.bytes; attempt++) {
    signal?.throwIfAborted();
    const start = part.bytes;
    try {
      await fetchRest(hub, repository, file, part, tell, signal);
    } catch (error) {
      if (!(error instanceof BrokenOff)) throw error;
      if (part.bytes > start) attempt = 0;
      if (attempt >= pauses.length) throw brokenOff(file, part.bytes, error);
      await wait(pauses[attempt]!, signal);
    }
  }
  await checkHash(file, part);
  await part.complete().catch(async (error: unknown) => {
    throw await notWritten(error, file.path, 0);
  });
}

/** The connection ended before the file did. */
class BrokenOff extends Error {}

async function fetchRest(
  hub: Hub,
  repository: Repository,
  file: HubFile,
  part: CachedPart,
  tell: (done: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const init = {
    ...(part.bytes > 0 && { headers: { range: `bytes=${part.bytes}-` } }),
    ...(signal && { signal }),
  };
  const about = { id: repository.id, file: file.path };
  const response = await ask(hub, fileUrl(hub, repository, file.path), about, init);
  // The file ends before what is asked for.
  if (response.status === 416) throw await otherFile(file, part);
  // A server that does not know ranges sends all of it again.
  if (part.bytes > 0 && response.status !== 206) await part.discard();
  const reader = response.body!.getReader();
  const write = collectWrites(part, file);
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        if (error instanceof Error && error.name === "AbortError") throw error;
        throw new BrokenOff("the connection broke", { cause: error });
      });
      if (done) break;
      await write(value);
      if (part.bytes > file.bytes) break;
      tell(Math.min(part.bytes, file.bytes));
    }
  } finally {
    await write();
    await reader.cancel().catch(() => {});
  }
  if (part.bytes < file.bytes) throw new BrokenOff("the connection ended early");
  if (part.bytes > file.bytes) throw await otherFile(file, part);
}

/** Forgets what has come. */
async function otherFile(file: HubFile, part: CachedPart): Promise<UserError> {
  await part.discard();
  return new UserError(
    `${file.path} should have ${file.bytes} bytes, and the hub has another number: it is not the file that the repository lists. Try again later.`,
  );
}

/** Collects what arrives in small pieces and writes it in large ones; called without a piece, it writes the rest. */
function collectWrites(part: CachedPart, file: HubFile): (piece?: Uint8Array) => Promise<void> {
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  return async (piece) => {
    if (piece) bytes += pieces.push(piece) && piece.length;
    if (bytes === 0 || (piece && bytes < PIECE_BYTES)) return;
    const all = new Uint8Array(bytes);
    let at = 0;
    for (const one of pieces) {
      all.set(one, at);
      at += one.length;
    }
    [pieces, bytes] = [[], 0];
    await part.append(all).catch(async (error: unknown) => {
      throw await notWritten(error, file.path, file.bytes - part.bytes);
    });
  };
}

/** The error to throw for `error` of a write of `what`, of which `bytes` are still to come. */
async function notWritten(error: unknown, what: string, bytes: number): Promise<unknown> {
  const failure = await writeFailure(error, UNKNOWN_ROOM, { what, bytes });
  if (failure instanceof StorageFullError)
    return new StorageFullError(
      `Storage is full: ${megabytes(bytes)} of ${what} have no room. What has come is kept. Remove models or runs that are not needed, or free disk space, and fetch it again.`,
      { cause: error },
    );
  if (error instanceof DOMException && error.name === "NoModificationAllowedError")
    return new UserError(
      `Another tab is writing ${what}, so fetching it was stopped here. Wait until that one is done: the model is then here too.`,
      { cause: error },
    );
  return failure;
}

/** Throws UserError, and forgets the file, when its hash is not the one that the hub lists. */
async function checkHash(file: HubFile, part: CachedPart): Promise<void> {
  if (file.sha256 === undefined) return;
  const come = { size: part.bytes, read: (start: number, end: number) => part.read(start, end) };
  if ((await sha256Of(come)) === file.sha256) return;
  await part.discard();
  throw new UserError(
    `${file.path} was damaged on its way (its hash is not the one that the repository lists), so it was thrown away. Fetch it again.`,
  );
}

const brokenOff = (file: HubFile, bytes: number, cause: unknown): UserError =>
  new UserError(
    `The connection broke at ${megabytes(bytes)} of ${megabytes(file.bytes)} of ${file.path}. What has come is kept: fetch the model again to go on from there.`,
    { cause },
  );

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}
