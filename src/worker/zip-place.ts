// A zip archive as the place of an export: written to a temporary file, from which it is read back and handed to the person.

import type { ExportPlace } from "../app/make-export.ts";
import type { EncodedFile, NamedStream } from "../formats/encoded-file.ts";
import type { ByteSource } from "../formats/safetensors.ts";
import { blobSource } from "../formats/safetensors.ts";
import { zipStream } from "../formats/zip.ts";
import type { TemporaryFile } from "../storage/temporary-files.ts";
import { openTemporaryFile } from "../storage/temporary-files.ts";

/** Between two pieces, the worker listens after so long. */
const BREATH_MS = 100;

export class ZipPlace implements ExportPlace {
  readonly name: string;
  #archive: { readonly temporary: TemporaryFile; readonly blob: Blob } | undefined;

  /** `name` is the archive's. */
  constructor(name: string) {
    this.name = name;
  }

  async write(
    files: readonly NamedStream[],
    onBytes: (written: number, total: number) => void,
  ): Promise<readonly ByteSource[]> {
    const zip = zipStream(files);
    const temporary = await openTemporaryFile(this.name, zip.size);
    const blob = await filled(temporary, zip, onBytes);
    this.#archive = { temporary, blob };
    return files.map(({ name }) => {
      const { start, end } = zip.places.get(name)!;
      return blobSource(name, blob.slice(start, end));
    });
  }

  /** What was written, under its name. */
  file(): File {
    return new File([this.#archive!.blob], this.name, { type: "application/zip" });
  }

  /** Forgets what was written. */
  async remove(): Promise<void> {
    await this.#archive?.temporary.remove();
  }
}

/** The file with all pieces in it; nothing is left of it where that fails. */
async function filled(
  file: TemporaryFile,
  { size, pieces }: EncodedFile,
  onBytes: (written: number, total: number) => void,
): Promise<Blob> {
  let done = 0;
  let heard = performance.now();
  try {
    onBytes(0, size);
    for await (const piece of pieces()) {
      await file.append(piece);
      done += piece.length;
      if (performance.now() - heard < BREATH_MS) continue;
      // A wish to stop comes as a message, which is heard only when nothing else is to do.
      await new Promise((resolve) => setTimeout(resolve));
      heard = performance.now();
      onBytes(done, size);
    }
    return await file.finish();
  } catch (error) {
    await file.remove();
    throw error;
  }
}
