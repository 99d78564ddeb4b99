// A folder as the place of an export: files are written beside it, and lie in it only once they were found to be right.

import { mkdir, rename, rm, statfs } from "node:fs/promises";
import path from "node:path";

import type { ExportPlace } from "../../app/make-export.ts";
import type { NamedStream } from "../../formats/encoded-file.ts";
import { bytesIn } from "../../formats/encoded-file.ts";
import type { ByteSource } from "../../formats/safetensors.ts";
import { writeFailure } from "../../storage/store.ts";
import { replaceFile } from "../files/replace-file.ts";
import { fileSource } from "../files/source.ts";

/** Below the folder: on its disk, so that moving is renaming. */
const UNCHECKED = ".unchecked";

export class FolderPlace implements ExportPlace {
  readonly #folder: string;
  readonly #written: string[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  async write(
    files: readonly NamedStream[],
    onBytes: (written: number, total: number) => void,
  ): Promise<readonly ByteSource[]> {
    const total = bytesIn(files);
    let done = 0;
    const counted = async function* ({ pieces }: NamedStream): AsyncGenerator<Uint8Array> {
      for await (const piece of pieces()) {
        yield piece;
        onBytes((done += piece.length), total);
      }
    };
    const sources: ByteSource[] = [];
    for (const file of files) {
      sources.push(await this.#place(file.name, counted(file), total - done));
      this.#written.push(file.name);
    }
    return sources;
  }

  /** Moves what was written into the folder, in place of files of the same names. Returns their paths. */
  async keep(): Promise<string[]> {
    const kept: string[] = [];
    for (const name of this.#written) {
      const file = path.join(this.#folder, name);
      await mkdir(path.dirname(file), { recursive: true });
      await rename(path.join(this.#folder, UNCHECKED, name), file);
      kept.push(file);
    }
    return kept;
  }

  /** Removes what is not kept. */
  async clear(): Promise<void> {
    await rm(path.join(this.#folder, UNCHECKED), { recursive: true, force: true });
  }

  async #place(name: string, pieces: AsyncIterable<Uint8Array>, bytes: number): Promise<ByteSource> {
    const file = path.join(this.#folder, UNCHECKED, name);
    const freeBytes = async (): Promise<number> => {
      const { bavail, bsize } = await statfs(this.#folder);
      return bavail * bsize;
    };
    try {
      await replaceFile(file, pieces);
    } catch (error) {
      throw await writeFailure(error, { freeBytes }, { what: `The export (${name})`, bytes });
    }
    return fileSource(file, name);
  }
}
