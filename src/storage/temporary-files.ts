// Files that are written here before they are handed to the person: on disk in the origin private file system, so that one of a
// gigabyte passes through no memory, and in the browser's blobs where there is no such file system. Each is held by its tab;
// what a closed tab left is cleared away by the next.

import { storageEstimate } from "./quota.ts";
import type { SyncAccessHandle, WorkerFileHandle } from "./opfs-files.ts";
import type { Release } from "./run-lock.ts";
import { heldBelow, hold } from "./run-lock.ts";
import { writeFailure } from "./store.ts";

/** A file that is written from its start to its end, then read. */
export interface TemporaryFile {
  /** Throws StorageFullError when there is no room. */
  append(bytes: Uint8Array): Promise<void>;
  /** The file as it is on disk; nothing can be appended then. */
  finish(): Promise<Blob>;
  /** Forgets the file, written or not. What `finish` gave can no longer be read. */
  remove(): Promise<void>;
}

const FOLDER = "gradus-exports";
const LOCK = "export/";

/** A new file. `what` stands in messages, `bytes` is the size that it will have. Only in a worker. */
export async function openTemporaryFile(what: string, bytes: number): Promise<TemporaryFile> {
  const folder = await exportFolder();
  if (!folder) return inBlobs();
  const name = crypto.randomUUID();
  const release = await hold(`${LOCK}${name}`);
  const handle = (await folder.getFileHandle(name, { create: true })) as WorkerFileHandle;
  const access = await handle.createSyncAccessHandle();
  return onDisk({ folder, handle, access, release, what, bytes });
}

/** Clears away what closed tabs have left. */
export async function sweepTemporaryFiles(): Promise<void> {
  const folder = await exportFolder();
  if (!folder) return;
  const held = await heldBelow(LOCK);
  for await (const name of folder.keys()) if (!held.has(name)) await folder.removeEntry(name);
}

/** Undefined where the browser has none, or keeps it from this page. */
async function exportFolder(): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle(FOLDER, { create: true });
  } catch {
    return undefined;
  }
}

interface OpenFile {
  readonly folder: FileSystemDirectoryHandle;
  readonly handle: WorkerFileHandle;
  readonly access: SyncAccessHandle;
  readonly release: Release | undefined;
  readonly what: string;
  readonly bytes: number;
}

function onDisk({ folder, handle, access, release, what, bytes: size }: OpenFile): TemporaryFile {
  let at = 0;
  let isOpen = true;
  const close = (): void => {
    if (isOpen) access.close();
    isOpen = false;
  };
  const freeBytes = async (): Promise<number | undefined> => {
    const { usedBytes, quotaBytes } = await storageEstimate();
    return usedBytes === undefined || quotaBytes === undefined ? undefined : quotaBytes - usedBytes;
  };
  return {
    append: async (bytes) => {
      try {
        const written = access.write(bytes, { at });
        if (written < bytes.length) throw new DOMException("the file could not grow", "QuotaExceededError");
        at += bytes.length;
      } catch (error) {
        throw await writeFailure(error, { freeBytes }, { what, bytes: size - at });
      }
    },
    finish: () => {
      access.flush();
      close();
      return handle.getFile();
    },
    remove: async () => {
      close();
      await folder.removeEntry(handle.name);
      await release?.();
    },
  };
}

/** Pieces that become one blob, so that the browser may move them out of this worker's memory. */
const BLOB_BYTES = 2 ** 25;

function inBlobs(): TemporaryFile {
  let blobs: Blob[] = [];
  let pieces: Uint8Array<ArrayBuffer>[] = [];
  let waiting = 0;
  const pack = (): void => {
    blobs.push(new Blob(pieces));
    pieces = [];
    waiting = 0;
  };
  return {
    append: (bytes) => {
      pieces.push(bytes.slice());
      waiting += bytes.length;
      if (waiting >= BLOB_BYTES) pack();
      return Promise.resolve();
    },
    finish: () => {
      pack();
      return Promise.resolve(new Blob(blobs));
    },
    remove: () => {
      blobs = [];
      pieces = [];
      return Promise.resolve();
    },
  };
}
