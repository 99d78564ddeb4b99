// Protobuf as far as ONNX needs it: walks the fields of a large message by position without reading their payloads, and
// parses small messages with every length checked. Knows no field of ONNX.

import { PbfReader } from "pbf";
import { UserError } from "../../common/errors.ts";
import type { ByteWindow } from "./byte-window.ts";
import { brokenOnnx } from "./byte-window.ts";

/** A tag and a length take at most this many bytes. */
const MAX_HEAD_BYTES = 20;
const MAX_FIELD_NUMBER = 2 ** 29 - 1;

/** A reason that `guarded` turns into a sentence with the name of the file. */
export class NotWhole extends Error {}

/** How a field's value is written. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

export interface Field {
  readonly number: number;
  readonly wire: number;
  /** Of a varint; 0 otherwise. Beyond 2^53 it is not exact. */
  readonly value: number;
  /** Position of the payload in the file, bytes. */
  readonly start: number;
  readonly end: number;
}

/** The fields of the message at bytes `start` to `end`, in file order. Throws UserError when it is not a message. */
export async function* fieldsOf(window: ByteWindow, start: number, end: number): AsyncGenerator<Field> {
  let at = start;
  while (at < end) {
    const head = await window.bytes(at, Math.min(at + MAX_HEAD_BYTES, end));
    const field = guarded(window.source.name, () => fieldAt(head, at));
    if (field.end > end) {
      throw brokenOnnx(
        window.source.name,
        `field ${field.number} at byte ${at} ends at ${field.end}, after its message ends at ${end}`,
      );
    }
    yield field;
    at = field.end;
  }
}

function fieldAt(head: Uint8Array, at: number): Field {
  const pbf = new PbfReader(head);
  const tag = pbf.readVarint();
  const [number, wire] = [Math.floor(tag / 8), tag % 8];
  const [valueStart, isVarint] = [pbf.pos, wire === WIRE.varint];
  const value = isVarint || wire === WIRE.bytes ? pbf.readVarint() : 0;
  if (number < 1 || number > MAX_FIELD_NUMBER || pbf.pos > head.length)
    throw new NotWhole(`no field starts at byte ${at}`);
  const start = at + (isVarint ? valueStart : pbf.pos);
  const size = isVarint ? pbf.pos - valueStart : payloadBytes(wire, value, at);
  return { number, wire, value: isVarint ? value : 0, start, end: start + size };
}

function payloadBytes(wire: number, length: number, at: number): number {
  if (wire === WIRE.bytes) return length;
  if (wire === WIRE.fixed64) return 8;
  if (wire === WIRE.fixed32) return 4;
  throw new NotWhole(`the field at byte ${at} has wire type ${wire}, which ONNX does not use`);
}

/** Reads one field of a message into `result`; fields it does not read are skipped. */
export type FieldReader<T> = (field: number, result: T, pbf: PbfReader) => void;

/** Parses the small message `bytes` of file `name` into `result`. Throws UserError when it is not whole. */
export function parseMessage<T>(name: string, bytes: Uint8Array, read: FieldReader<T>, result: T): T {
  return guarded(name, () => {
    const pbf = new PbfReader(bytes);
    pbf.readFields(read, result);
    if (pbf.pos !== bytes.length) throw new NotWhole("a message ends in the middle of a field");
    return result;
  });
}

/** The varints of a packed list. Throws UserError when the last is not whole. */
export function parseVarints(name: string, bytes: Uint8Array): number[] {
  return guarded(name, () => {
    const pbf = new PbfReader(bytes);
    const values: number[] = [];
    while (pbf.pos < bytes.length) values.push(pbf.readVarint());
    if (pbf.pos !== bytes.length) throw new NotWhole("a list of numbers ends in the middle of one");
    return values;
  });
}

/** Whatever the parser makes of hostile bytes becomes a sentence. */
function guarded<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof UserError) throw error;
    const why = error instanceof NotWhole ? error.message : "its bytes are not a protobuf message";
    throw brokenOnnx(name, why);
  }
}
