// Files that the format tests read: small ones of the checkout, and large ones that may lie beside it.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { EncodedFile } from "../../src/formats/encoded-file.ts";
import type { ByteSource } from "../../src/formats/safetensors.ts";
import { bytesSource } from "../../src/formats/safetensors.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);
const SHARED = new URL("../../../shared/data/", import.meta.url);

/** Bytes of a file below test/fixtures. */
export const fixture = (path: string): Uint8Array => readFileSync(new URL(path, FIXTURES));

export const fixtureJson = (path: string): unknown => JSON.parse(new TextDecoder().decode(fixture(path)));

/** Path of a file of `shared/data` beside the checkout, which not everybody has. */
export const sharedPath = (path: string): string => fileURLToPath(new URL(path, SHARED));

export const isShared = (path: string): boolean => existsSync(sharedPath(path));

/** A source over `content`: bytes, text, or a value to write as JSON. */
export function sourceOf(name: string, content: unknown): ByteSource {
  if (content instanceof Uint8Array) return bytesSource(name, content);
  const text = typeof content === "string" ? content : JSON.stringify(content);
  return bytesSource(name, new TextEncoder().encode(text));
}

/** All bytes of a file that is made while it is read. */
export async function collected({ pieces }: Pick<EncodedFile, "pieces">): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces()) parts.push(piece.slice());
  return new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}
