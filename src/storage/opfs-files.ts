// Files in the origin private file system of a browser, read and written in ranges from a worker.

import type { FileTree } from "./model-cache.ts";

/** What only workers have, and the types of a page therefore lack. */
interface SyncAccessHandle {
  getSize(): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  flush(): void;
  close(): void;
}
type WorkerFileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccessHandle> };

/** The tree below the folder `name`. */
export async function opfsFiles(name: string): Promise<FileTree> {
  const root = await (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true });
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
    read: async (path, start, end) => {
      const file = await fileOf(path);
      return file ? new Uint8Array(await file.slice(start, end).arrayBuffer()) : new Uint8Array();
    },
    append: async (path, bytes) => {
      const [folder, file] = await walk(root, path, true);
      const handle = (await folder.getFileHandle(file, { create: true })) as WorkerFileHandle;
      const access = await handle.createSyncAccessHandle();
      try {
        const written = access.write(bytes, { at: access.getSize() });
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
