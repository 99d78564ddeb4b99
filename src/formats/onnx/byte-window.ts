// Small reads at rising positions of a large file, served from one window of it, so that walking a graph of two gigabytes
// costs a few hundred reads and holds a few kilobytes. Large payloads are not read here.

import { UserError } from "../../common/errors.ts";
import type { ByteSource } from "../safetensors.ts";

/** Bytes read at once when the walk leaves the window. */
const WINDOW_BYTES = 64 * 1024;

/** The file is not what it claims to be, or not all of it. */
export const brokenOnnx = (name: string, why: string): UserError =>
  new UserError(
    `${name} is not a whole ONNX file: ${why}. Nothing can be read from it; download or export it again.`,
  );

/** Bytes `start` to `end` of `source`. Throws UserError when the file ends before. */
export async function readBytes(source: ByteSource, start: number, end: number): Promise<Uint8Array> {
  const bytes = end <= source.size ? await source.read(start, end) : new Uint8Array(0);
  if (bytes.length === end - start) return bytes;
  throw brokenOnnx(source.name, `bytes ${start} to ${end} are wanted, and it has ${source.size}`);
}

export class ByteWindow {
  readonly source: ByteSource;
  #start = 0;
  #bytes = new Uint8Array(0);

  constructor(source: ByteSource) {
    this.source = source;
  }

  /** Bytes `start` to `end`, a view that the next call may replace. Throws UserError when the file ends before. */
  async bytes(start: number, end: number): Promise<Uint8Array> {
    if (start < this.#start || end > this.#start + this.#bytes.length) {
      const last = Math.min(Math.max(end, start + WINDOW_BYTES), Math.max(end, this.source.size));
      this.#bytes = new Uint8Array(await readBytes(this.source, start, last));
      this.#start = start;
    }
    return this.#bytes.subarray(start - this.#start, end - this.#start);
  }
}
