// A file that is made while it is written, so that one with a gigabyte of weights never lies in memory whole.

import { UserError } from "../common/errors.ts";
import type { ByteSource } from "./safetensors.ts";

export interface EncodedFile {
  /** Bytes of all pieces. */
  readonly size: number;
  /** The pieces in order; each is made when it is asked for. */
  readonly pieces: () => AsyncGenerator<Uint8Array>;
}

/** Such a file under its name, with "/" between folders. */
export interface NamedStream extends EncodedFile {
  readonly name: string;
}

/** A file whose bytes are there already. */
export const streamOf = (name: string, bytes: Uint8Array): NamedStream => ({
  name,
  size: bytes.length,
  // oxlint-disable-next-line typescript/require-await
  async *pieces() {
    yield bytes;
  },
});

/** Read from a file in one go. */
const COPY_BYTES = 2 ** 23;

/** A copy of `source`. Its pieces throw UserError when it ends early. */
export const copyOf = (name: string, source: ByteSource): NamedStream => ({
  name,
  size: source.size,
  async *pieces() {
    for (let at = 0; at < source.size; at += COPY_BYTES) {
      const end = Math.min(at + COPY_BYTES, source.size);
      const bytes = await source.read(at, end);
      if (bytes.length !== end - at)
        throw new UserError(
          `${source.name} ended early: ${end - at} bytes were wanted at ${at}, ${bytes.length} came. Drop it again.`,
        );
      yield bytes;
    }
  },
});

/** Bytes of several files. */
export const bytesIn = (files: readonly { readonly size: number }[]): number =>
  files.reduce((sum, { size }) => sum + size, 0);

/** All of a file that is small enough. */
export async function bytesOf({ size, pieces }: EncodedFile): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for await (const piece of pieces()) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** The same of several, under their names. */
export const bytesOfAll = (
  files: readonly NamedStream[],
): Promise<{ readonly name: string; readonly bytes: Uint8Array }[]> =>
  Promise.all(files.map(async (file) => ({ name: file.name, bytes: await bytesOf(file) })));
