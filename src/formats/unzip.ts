// A zip archive that a person drops, such as an adapter as it was downloaded: the files in it that are wanted, in memory. What
// it would unpack to is checked first.

import { wordsOf } from "../common/error-words.ts";
import { unzipSync } from "fflate";

import { UserError } from "../common/errors.ts";
import type { ByteSource } from "./safetensors.ts";
import { bytesSource } from "./safetensors.ts";

const MAX_BYTES = 512 * 2 ** 20;

/** Whether a file is an archive, by its name. */
export const isZip = ({ name }: Pick<ByteSource, "name">): boolean => /\.zip$/i.test(name);

/**
 * The files of an archive that `isWanted`. Throws UserError naming the archive when it is damaged, too large, or has none of
 * them.
 */
export async function unzipFiles(
  archive: ByteSource,
  isWanted: (file: { readonly name: string }) => boolean,
): Promise<ByteSource[]> {
  const tooLarge = (bytes: number): UserError =>
    new UserError(
      `${archive.name} has ${Math.ceil(bytes / 2 ** 20)} MiB, and ${MAX_BYTES / 2 ** 20} MiB are unpacked at most. Unpack it and drop the files inside.`,
    );
  if (archive.size > MAX_BYTES) throw tooLarge(archive.size);
  const names: string[] = [];
  let bytes = 0;
  let found: Record<string, Uint8Array>;
  try {
    found = unzipSync(await archive.read(0, archive.size), {
      filter: ({ name, originalSize }) => {
        names.push(name);
        if (!isWanted({ name })) return false;
        bytes += originalSize;
        if (bytes > MAX_BYTES) throw tooLarge(bytes);
        return true;
      },
    });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${archive.name} is not a whole zip archive: ${wordsOf(error)}. Download it again, or unpack it and drop the files inside.`,
      { cause: error },
    );
  }
  const files = Object.entries(found).map(([name, content]) => bytesSource(name, content));
  if (files.length > 0) return files;
  const inside = names.slice(0, 8).join(", ") || "nothing";
  throw new UserError(
    `${archive.name} holds none of the files that are read from an archive here: it has ${inside}. Unpack it and drop the files inside.`,
  );
}
