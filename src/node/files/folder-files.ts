// Files below a folder of the machine, read and written in ranges.

import { constants } from "node:fs";
import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";

import type { FileTree } from "../../storage/model-cache.ts";

/** The tree below `root`, which need not exist yet. */
export function folderFiles(root: string): FileTree {
  const at = (file: string): string => path.join(root, ...file.split("/"));
  return {
    list: async (prefix) => {
      const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
      const files = entries
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => path.join(parentPath, name));
      const listed = await Promise.all(
        files.map(async (file) => ({
          path: path.relative(root, file).split(path.sep).join("/"),
          bytes: (await stat(file)).size,
        })),
      );
      return listed.filter((file) => file.path.startsWith(prefix));
    },
    size: async (file) => (await stat(at(file)).catch(() => undefined))?.size,
    read: async (file, start, end) => {
      const handle = await open(at(file));
      try {
        const bytes = new Uint8Array(end - start);
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
        return bytes.subarray(0, bytesRead);
      } finally {
        await handle.close();
      }
    },
    write: async (file, start, bytes) => {
      await mkdir(path.dirname(at(file)), { recursive: true });
      const handle = await open(at(file), constants.O_CREAT | constants.O_WRONLY);
      try {
        for (let done = 0; done < bytes.length;)
          done += (await handle.write(bytes, done, bytes.length - done, start + done)).bytesWritten;
      } finally {
        await handle.close();
      }
    },
    remove: (file) => rm(at(file), { recursive: true, force: true }),
  };
}
