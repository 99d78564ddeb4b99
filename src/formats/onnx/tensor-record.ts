// TensorProto without its data: name, shape, type, and where the bytes lie. Checks only that the message is whole; whether
// the bytes are there is for tensor.ts, which is asked only about tensors that are used.

import type { ByteWindow } from "./byte-window.ts";
import { brokenOnnx } from "./byte-window.ts";
import { smallPayload, textOf } from "./messages.ts";
import type { Field } from "./protobuf.ts";
import { fieldsOf, parseMessage, parseVarints, WIRE } from "./protobuf.ts";

/** Where the data of a tensor lie, bytes. */
export type Place =
  | { readonly kind: "inline"; readonly start: number; readonly end: number }
  | { readonly kind: "external"; readonly file: string; readonly offset: number; readonly length?: number }
  /** In a list field of the message, or nowhere. */
  | { readonly kind: "list" };

export interface TensorRecord {
  readonly name: string;
  readonly dims: readonly number[];
  /** TensorProto.DataType. */
  readonly type: number;
  readonly place: Place;
}

/** Sixteen dimensions, and then some. */
const MAX_SHAPE_BYTES = 160;

/** TensorProto at the payload of `message`; its data are skipped, however many they are. */
export async function readTensorRecord(window: ByteWindow, message: Field): Promise<TensorRecord> {
  const file = window.source.name;
  if (message.wire !== WIRE.bytes) throw brokenOnnx(file, `a tensor at byte ${message.start} is a number`);
  const dims: number[] = [];
  let [name, type, isExternal] = ["", 0, false];
  let place: Place = { kind: "list" };
  const entries = new Map<string, string>();
  for await (const field of fieldsOf(window, message.start, message.end)) {
    if (field.number === 1) dims.push(...(await dimsOf(window, field)));
    else if (field.number === 2) type = field.value;
    // float_data, packed, is the same bytes as raw_data of type FLOAT.
    else if (field.number === 9 || (field.number === 4 && field.wire === WIRE.bytes))
      place = { kind: "inline", start: field.start, end: field.end };
    else if (field.number === 8) name = await textOf(window, field);
    else if (field.number === 13) addEntry(file, await smallPayload(window, field, "a location"), entries);
    else if (field.number === 14) isExternal = field.value === 1;
  }
  return { name, dims, type, place: isExternal ? externalPlace(file, name, entries) : place };
}

async function dimsOf(window: ByteWindow, field: Field): Promise<number[]> {
  if (field.wire === WIRE.varint) return [field.value];
  const bytes = await smallPayload(window, field, "a shape");
  if (bytes.length > MAX_SHAPE_BYTES)
    throw brokenOnnx(window.source.name, `a shape at byte ${field.start} takes ${bytes.length} bytes`);
  return parseVarints(window.source.name, bytes);
}

/** StringStringEntryProto. */
function addEntry(file: string, bytes: Uint8Array, into: Map<string, string>): void {
  const { key, value } = parseMessage(
    file,
    bytes,
    (field, entry, pbf) => {
      if (field === 1) entry.key = pbf.readString();
      else if (field === 2) entry.value = pbf.readString();
    },
    { key: "", value: "" },
  );
  into.set(key, value);
}

function externalPlace(file: string, tensor: string, entries: ReadonlyMap<string, string>): Place {
  const number = (key: string): number | undefined => {
    const text = entries.get(key);
    if (text === undefined) return undefined;
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (Number.isSafeInteger(value)) return value;
    throw brokenOnnx(file, `tensor "${tensor}" lies at ${key} "${text}" of its data file`);
  };
  const location = entries.get("location") ?? "";
  // A name with a folder in it could point anywhere on the machine that reads the file.
  if (location === "" || /[/\\]|^\.\.?$/.test(location))
    throw brokenOnnx(file, `tensor "${tensor}" names a data file "${location}" that is not beside it`);
  const length = number("length");
  return {
    kind: "external",
    file: location,
    offset: number("offset") ?? 0,
    ...(length !== undefined && { length }),
  };
}
