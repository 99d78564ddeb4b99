// Files in the origin private file system of a browser, read and written in ranges from a worker.

import { wordsOf } from "../common/error-words.ts";
import { UserError } from "../common/errors.ts";
import type { FileTree } from "./model-cache.ts";

/** What only workers have, and the types of a page therefore lack. */
export interface SyncAccessHandle {
  write(bytes: Uint8Array, options: { at: number }): number;
  flush(): void;
  close(): void;
}
export type WorkerFileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccessHandle> };

/** The tree below the folder `name`. Throws UserError where the browser has no such files, or keeps them from this page. */
export async function opfsFiles(name: string): Promise<FileTree> {
  const root = await openRoot(name).catch((error: unknown) => {
    const said = wordsOf(error);
    throw new UserError(
      `This browser gives the page no place to keep a model that is fetched (${said}). Leave private browsing, open the page at https:// or localhost, or drop the model's files.`,
      { cause: error },
    );
  });
  const fileOf = async (path: string): Promise<File | undefined> => {
    try {
      const [folder, file] = await walk(root, path, false);
      return await (await folder.getFileHandle(file)).getFile();
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  };
  return {
    list: async (prefix) => {
      const files = await filesBelow(root, "");
      return files.filter(({ path }) => path.startsWith(prefix));
    },
    size: async (path) => (await fileOf(path))?.size,
    blob: fileOf,
    read: async (path, start, end) => {
      const file = await fileOf(path);
      return file ? new Uint8Array(await file.slice(start, end).arrayBuffer()) : new Uint8Array();
    },
    write: async (path, start, bytes) => {
      const [folder, file] = await walk(root, path, true);
      const handle = (await folder.getFileHandle(file, { create: true })) as WorkerFileHandle;
      const access = await handle.createSyncAccessHandle();
      try {
        const written = access.write(bytes, { at: start });
        if (written < bytes.length) throw new DOMException("the file could not grow", "QuotaExceededError");
        access.flush();
      } finally {
        access.close();
      }
    },
    remove: async (path) => {
      try {
        const [folder, file] = await walk(root, path, false);
        await folder.removeEntry(file, { recursive: true });
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    },
  };
}

const openRoot = async (name: string): Promise<FileSystemDirectoryHandle> =>
  (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true });

const isMissing = (error: unknown): boolean =>
  error instanceof DOMException && error.name === "NotFoundError";

/** The folder that a path's last part lies in, and that part. */
async function walk(
  root: FileSystemDirectoryHandle,
  path: string,
  create: boolean,
): Promise<[FileSystemDirectoryHandle, string]> {
  const parts = path.split("/");
  let folder = root;
  for (const part of parts.slice(0, -1)) folder = await folder.getDirectoryHandle(part, { create });
  return [folder, parts.at(-1)!];
}

async function filesBelow(
  folder: FileSystemDirectoryHandle,
  prefix: string,
): Promise<{ path: string; bytes: number }[]> {
  const found: { path: string; bytes: number }[] = [];
  for await (const [name, handle] of folder.entries()) {
    const path = `${prefix}${name}`;
    if (handle.kind === "file")
      found.push({ path, bytes: (await (handle as FileSystemFileHandle).getFile()).size });
    else found.push(...(await filesBelow(handle as FileSystemDirectoryHandle, `${path}/`)));
  }
  return found;
}
