// A file that is another one but for some ranges of it, which are made anew when the file is written. Of the same size.

import { BugError, UserError } from "../../common/errors.ts";
import type { EncodedFile } from "../encoded-file.ts";
import type { ByteSource } from "../safetensors.ts";
import { readBytes } from "./byte-window.ts";

/** Bytes `start` to `end` of a file, made anew. */
export interface Patch {
  readonly start: number;
  readonly end: number;
  readonly pieces: () => AsyncGenerator<Uint8Array>;
}

/** Bytes that are copied at once. */
const CHUNK_BYTES = 2 ** 22;

/** `source` with `patches`. Throws UserError when two of them meet: the file holds two tensors in the same bytes. */
export function patchedFile(source: ByteSource, patches: readonly Patch[]): EncodedFile {
  const sorted = patches.toSorted((a, b) => a.start - b.start);
  sorted.forEach(({ start }, i) => {
    if (i === 0 || start >= sorted[i - 1]!.end) return;
    throw new UserError(
      `${source.name} holds two weights in the same bytes (at ${start}), so they cannot be replaced one by one. Save the model as safetensors instead.`,
    );
  });
  return {
    size: source.size,
    async *pieces() {
      let at = 0;
      for (const patch of sorted) {
        yield* copy(source, at, patch.start);
        let bytes = 0;
        for await (const piece of patch.pieces()) {
          bytes += piece.length;
          yield piece;
        }
        if (bytes !== patch.end - patch.start)
          throw new BugError(`${bytes} bytes for ${patch.start} to ${patch.end} of ${source.name}`);
        at = patch.end;
      }
      yield* copy(source, at, source.size);
    },
  };
}

async function* copy(source: ByteSource, start: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; at += CHUNK_BYTES)
    yield await readBytes(source, at, Math.min(at + CHUNK_BYTES, end));
}
