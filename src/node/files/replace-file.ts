// Writes a file so that a crash leaves the old bytes or the new ones: under another name, synced, then renamed.

import { mkdir, open, rename, rm } from "node:fs/promises";
import path from "node:path";

/** Ending of a file that is being written. No key ends so. */
export const PART = ".part";
/** Writes a file whole or not at all, making its folder where it is missing. */
export async function replaceFile(
  file: string,
  content: Uint8Array | string | AsyncIterable<Uint8Array>,
): Promise<void> {
  const part = `${file}${PART}`;
  await mkdir(path.dirname(file), { recursive: true });
  try {
    const handle = await open(part, "w");
    try {
      // Each call writes behind the one before.
      if (typeof content === "string" || content instanceof Uint8Array) await handle.writeFile(content);
      else for await (const piece of content) await handle.writeFile(piece);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, file);
  } catch (error) {
    // The first error is the one to tell; what cannot be removed now is removed when it is old.
    await rm(part, { force: true }).catch(() => {});
    throw error;
  }
  await syncFolder(path.dirname(file));
}

/** Makes a rename last through a power cut, where the system can; the file's own bytes are synced already. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Windows and some network file systems cannot sync a folder.
  }
}
