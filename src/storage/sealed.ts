// JSON with a checksum before it, for records and manifests: a damaged one is told from a whole one before anything in it
// is believed. Every double comes back as it was, those that JSON has no word for too.

import { BugError } from "../common/errors.ts";
import type { JsonObject } from "../formats/json.ts";
import { isObject } from "../formats/json.ts";
import { crc32 } from "./crc32.ts";

/** Eight hexadecimal digits and a line feed. */
const HEAD_BYTES = 9;

/** The name under which NaN, the infinities and -0 are written as text. */
const NUMBER = "$number";

/** Bytes of `value`: checksum, line feed, JSON in UTF-8. Throws BugError on what JSON would turn into something else. */
export function seal(value: JsonObject): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(value, encodeValue));
  const sealed = new Uint8Array(HEAD_BYTES + json.length);
  sealed.set(new TextEncoder().encode(headOf(json)));
  sealed.set(json, HEAD_BYTES);
  return sealed;
}

/** The value that was sealed; undefined when a byte of it changed or is missing. */
export function unseal(bytes: Uint8Array): JsonObject | undefined {
  const json = bytes.subarray(HEAD_BYTES);
  const text = new TextDecoder();
  if (text.decode(bytes.subarray(0, HEAD_BYTES)) !== headOf(json)) return undefined;
  return JSON.parse(text.decode(json), decodeValue) as JsonObject;
}

const headOf = (json: Uint8Array): string => `${crc32(json).toString(16).padStart(8, "0")}\n`;

function encodeValue(name: string, value: unknown): unknown {
  if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0)))
    return { [NUMBER]: Object.is(value, -0) ? "-0" : String(value) };
  if (ArrayBuffer.isView(value) || value instanceof Map || value instanceof Set)
    throw new BugError(`"${name}" holds ${value.constructor.name}: records keep plain objects and lists`);
  return value;
}

function decodeValue(_name: string, value: unknown): unknown {
  if (!isObject(value) || typeof value[NUMBER] !== "string") return value;
  return Number(value[NUMBER]);
}
