// SHA-256 of bytes that are read in pieces, which the browser's own cannot do: a file of gigabytes never lies in memory whole.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import type { ByteSource } from "../formats/safetensors.ts";

/** Bytes that are read, hashed and written at a time. */
export const PIECE_BYTES = 4 * 2 ** 20;

/** The hash in hexadecimal digits. */
export async function sha256Of(source: Pick<ByteSource, "size" | "read">): Promise<string> {
  const hash = sha256.create();
  for (let at = 0; at < source.size; at += PIECE_BYTES)
    hash.update(await source.read(at, Math.min(at + PIECE_BYTES, source.size)));
  return bytesToHex(hash.digest());
}
