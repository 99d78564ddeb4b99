// A zip archive of files that do not shrink, weights above all: stored, not compressed, and made in one piece. Reads none.

import { zipSync } from "fflate";

import { BugError, UserError } from "../common/errors.ts";

export interface NamedFile {
  /** With "/" between folders. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Beyond this, a zip needs extensions that are not written here. */
const MAX_BYTES = 2 ** 32 - 2 ** 20;

/** The bytes of an archive of `files`. Throws UserError when they are too large for one. */
export function zipFiles(files: readonly NamedFile[]): Uint8Array<ArrayBuffer> {
  const bytes = files.reduce((sum, file) => sum + file.bytes.length, 0);
  if (bytes > MAX_BYTES)
    throw new UserError(
      `${files.length} files of ${(bytes / 1e9).toFixed(1)} GB do not fit into one zip archive, which ends at 4 GB. Download them one by one.`,
    );
  const entries = new Map(files.map((file) => [file.name, file.bytes]));
  if (entries.size < files.length) throw new BugError("two files of an archive have one name");
  return zipSync(Object.fromEntries(entries), { level: 0 });
}
