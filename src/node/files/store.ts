// The store of the command line: a folder with a file a key. A file is written under another name, synced, then renamed,
// so that a crash leaves the old bytes or the new ones.

import { messageOf } from "../../common/error-words.ts";
import type { Dirent } from "node:fs";
import { access, constants, readdir, readFile, rm, rmdir, stat, statfs } from "node:fs/promises";
import path from "node:path";

import { BugError, UserError } from "../../common/errors.ts";
import type { KeyValueStore } from "../../storage/store.ts";
import { PART, replaceFile } from "./replace-file.ts";

/** A file that nobody has written to for so long is left from a crash. */
const STALE_MS = 10 * 60 * 1000;

/** Opens a folder, which the first write makes where it is missing. Throws UserError when it cannot be used. */
export async function openFolder(folder: string): Promise<KeyValueStore> {
  const root = path.resolve(folder);
  try {
    const there = await nearestFolder(root);
    await access(there, constants.W_OK);
    if (there === root) await removeStaleParts(root);
  } catch (error) {
    throw new UserError(
      `The folder ${folder} cannot be used to keep runs: ${messageOf(error)}. Choose another one.`,
      { cause: error },
    );
  }
  return {
    get: (key) => readIfThere(pathOf(root, key)),
    set: (key, bytes) => replaceFile(pathOf(root, key), bytes),
    delete: async (keys) => {
      for (const key of keys) await removeFile(root, pathOf(root, key));
    },
    keys: async (prefix) => {
      const keys = (await filesBelow(root)).map((file) => keyOf(root, file));
      return keys.filter((key) => key.startsWith(prefix) && !key.endsWith(PART)).toSorted();
    },
    freeBytes: async () => {
      const { bavail, bsize } = await statfs(await nearestFolder(root));
      return bavail * bsize;
    },
  };
}

function pathOf(root: string, key: string): string {
  const parts = key.split("/");
  if (key.endsWith(PART) || !parts.every((part) => /^[\w%-][\w%.-]*$/.test(part)))
    throw new BugError(`"${key}" is no key: parts of letters, digits and %-_. are needed`);
  return path.join(root, ...parts);
}

const keyOf = (root: string, file: string): string => path.relative(root, file).split(path.sep).join("/");

async function readIfThere(file: string): Promise<Uint8Array | undefined> {
  try {
    const { buffer, byteOffset, length } = await readFile(file);
    return new Uint8Array(buffer, byteOffset, length);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Removes a file and the folders that become empty, up to those directly below `root`. */
async function removeFile(root: string, file: string): Promise<void> {
  await rm(file, { force: true });
  let folder = path.dirname(file);
  while (path.dirname(folder) !== root && folder !== root) {
    try {
      await rmdir(folder);
    } catch {
      // Not empty, or already gone.
      return;
    }
    folder = path.dirname(folder);
  }
}

/** The folder, or what there is of the folders above it. Throws the system's error where a file is in the way. */
async function nearestFolder(folder: string): Promise<string> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  return names ? folder : nearestFolder(path.dirname(folder));
}

async function filesBelow(root: string): Promise<string[]> {
  const entries: Dirent[] = (await isThere(root))
    ? await readdir(root, { recursive: true, withFileTypes: true })
    : [];
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => path.join(parentPath, name));
}

async function removeStaleParts(root: string): Promise<void> {
  const parts = (await filesBelow(root)).filter((file) => file.endsWith(PART));
  for (const part of parts) {
    const { mtimeMs } = await stat(part);
    if (Date.now() - mtimeMs > STALE_MS) await removeFile(root, part);
  }
}

const isThere = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

/** No such file, or a folder where a key would have a file. */
const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && ["ENOENT", "ENOTDIR", "EISDIR"].includes(String(error.code));
