// A zip archive of files that do not shrink, weights above all: stored, not compressed, and made while it is written. Reads
// none, but tells where each file lies in it, so that what was written can be read back in place.
// Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (4.3.7 local header, 4.3.9 data descriptor).

import { Zip, ZipPassThrough } from "fflate";

import { BugError, UserError } from "../common/errors.ts";
import type { EncodedFile, NamedStream } from "./encoded-file.ts";
import { bytesIn } from "./encoded-file.ts";

/** A small file, whole in memory. */
export interface NamedFile {
  /** With "/" between folders. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface ZipStream extends EncodedFile {
  /** Where the bytes of each file lie in the archive. */
  readonly places: ReadonlyMap<string, { readonly start: number; readonly end: number }>;
}

/** Beyond this, a zip needs extensions that are not written here. */
const MAX_BYTES = 2 ** 32 - 2 ** 20;
/** Before a file, after it, in the list at the end, and the end itself; names are not counted. */
const [LOCAL_BYTES, DESCRIPTOR_BYTES, CENTRAL_BYTES, END_BYTES] = [30, 16, 46, 22];

/** The archive of `files`. Throws UserError when they are too large for one. */
export function zipStream(files: readonly NamedStream[]): ZipStream {
  const bytes = bytesIn(files);
  if (bytes > MAX_BYTES)
    throw new UserError(
      `${files.length} files of ${(bytes / 1e9).toFixed(1)} GB do not fit into one zip archive, which ends at 4 GB. Save another form of the model, or export it on the command line, which writes a folder.`,
    );
  const places = new Map<string, { start: number; end: number }>();
  let at = 0;
  let central = END_BYTES;
  for (const { name, size } of files) {
    if (places.has(name)) throw new BugError("two files of an archive have one name");
    const nameBytes = new TextEncoder().encode(name).length;
    const start = at + LOCAL_BYTES + nameBytes;
    places.set(name, { start, end: start + size });
    at = start + size + DESCRIPTOR_BYTES;
    central += CENTRAL_BYTES + nameBytes;
  }
  return { size: at + central, places, pieces: () => pieces(files) };
}

async function* pieces(files: readonly NamedStream[]): AsyncGenerator<Uint8Array> {
  let made: Uint8Array[] = [];
  const zip = new Zip((error, piece) => {
    if (error) throw error;
    made.push(piece);
  });
  const taken = (): readonly Uint8Array[] => {
    const pieces = made;
    made = [];
    return pieces;
  };
  for (const { name, size, pieces: content } of files) {
    const entry = new ZipPassThrough(name);
    zip.add(entry);
    let written = 0;
    for await (const piece of content()) {
      written += piece.length;
      entry.push(piece);
      yield* taken();
    }
    if (written !== size) throw new BugError(`${name} has ${written} bytes, and ${size} were announced`);
    entry.push(new Uint8Array(), true);
    yield* taken();
  }
  zip.end();
  yield* taken();
}
