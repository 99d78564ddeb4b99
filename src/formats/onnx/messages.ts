// The small messages of ONNX: nodes, values, operator sets. Field numbers are those of onnx.proto
// (https://github.com/onnx/onnx). Reads no weights and follows no edges.

import type { PbfReader } from "pbf";
import type { ByteWindow } from "./byte-window.ts";
import { brokenOnnx } from "./byte-window.ts";
import type { Field } from "./protobuf.ts";
import { NotWhole, parseMessage, WIRE } from "./protobuf.ts";

/** Numbers and number lists; a small tensor of floats counts as such, other tensors and subgraphs are left out. */
export type Attribute = number | readonly number[];

export interface OnnxNode {
  readonly name: string;
  readonly op: string;
  /** Empty for a missing optional input. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

/** A number that a node was given, or `missing`. */
export function numberAttribute(node: OnnxNode, attribute: string, missing: number): number {
  const value = node.attributes.get(attribute);
  return typeof value === "number" ? value : missing;
}

/** TensorProto.DataType of 32-bit floats. */
const FLOAT = 1;
/** Of a tensor in an attribute, what is read. */
const MAX_RAW_BYTES = 4096;
/** A name, a string table and the like are never larger; a node may hold a small constant. */
const MAX_SMALL_BYTES = 16 * 2 ** 20;

/** Payload of a field that must be small. Throws UserError when it is not. */
export async function smallPayload(window: ByteWindow, field: Field, what: string): Promise<Uint8Array> {
  const { wire, start, end } = field;
  if (wire === WIRE.bytes && end - start <= MAX_SMALL_BYTES) return window.bytes(start, end);
  throw brokenOnnx(window.source.name, `${what} at byte ${start} takes ${end - start} bytes`);
}

/** Text of a field. */
export const textOf = async (window: ByteWindow, field: Field): Promise<string> =>
  new TextDecoder().decode(await smallPayload(window, field, "a name"));

/** NodeProto. */
export function parseNode(file: string, bytes: Uint8Array): OnnxNode {
  const node = {
    name: "",
    op: "",
    inputs: [] as string[],
    outputs: [] as string[],
    attributes: new Map<string, Attribute>(),
  };
  return parseMessage(
    file,
    bytes,
    (field, into, pbf) => {
      if (field === 1) into.inputs.push(pbf.readString());
      else if (field === 2) into.outputs.push(pbf.readString());
      else if (field === 3) into.name = pbf.readString();
      else if (field === 4) into.op = pbf.readString();
      else if (field === 5) parseAttribute(file, pbf.readBytes(), into.attributes);
    },
    node,
  );
}

function parseAttribute(file: string, bytes: Uint8Array, into: Map<string, Attribute>): void {
  const attribute = { name: "", value: undefined as Attribute | undefined, list: [] as number[] };
  parseMessage(
    file,
    bytes,
    (field, result, pbf) => {
      if (field === 1) result.name = pbf.readString();
      else if (field === 2) result.value = pbf.readFloat();
      else if (field === 3) result.value = pbf.readVarint(true);
      else if (field === 5) result.value = smallFloats(file, pbf.readBytes());
      else if (field === 7) result.value = readList(result.list, pbf, WIRE.fixed32, () => pbf.readFloat());
      else if (field === 8)
        result.value = readList(result.list, pbf, WIRE.varint, () => pbf.readVarint(true));
    },
    attribute,
  );
  if (attribute.value !== undefined) into.set(attribute.name, attribute.value);
}

/** The numbers of a TensorProto that holds a few 32-bit floats, one alone as it is; undefined for all others. */
function smallFloats(file: string, bytes: Uint8Array): Attribute | undefined {
  const tensor = { type: 0, floats: [] as number[] };
  parseMessage(
    file,
    bytes,
    (field, into, pbf) => {
      if (field === 2) into.type = pbf.readVarint();
      else if (field === 4) readList(into.floats, pbf, WIRE.fixed32, () => pbf.readFloat());
      else if (field === 9) {
        const raw = pbf.readBytes();
        const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
        for (let at = 0; at + 4 <= Math.min(raw.length, MAX_RAW_BYTES); at += 4)
          into.floats.push(view.getFloat32(at, true));
      }
    },
    tensor,
  );
  if (tensor.type !== FLOAT) return undefined;
  return tensor.floats.length === 1 ? tensor.floats[0] : tensor.floats;
}

/** A repeated number, packed or one at a time. */
function readList(list: number[], pbf: PbfReader, single: number, next: () => number): number[] {
  if (pbf.type === single) {
    list.push(next());
    return list;
  }
  const end = pbf.readVarint() + pbf.pos;
  if (end > pbf.length) throw new NotWhole("a list of numbers is longer than its message");
  while (pbf.pos < end) list.push(next());
  return list;
}

/** The name of a ValueInfoProto or of an AttributeProto. */
export const parseName = (file: string, bytes: Uint8Array): string =>
  parseMessage(
    file,
    bytes,
    (field, into, pbf) => {
      if (field === 1) into.name = pbf.readString();
    },
    { name: "" },
  ).name;

/** OperatorSetIdProto. */
export const parseOperatorSet = (file: string, bytes: Uint8Array): { domain: string; version: number } =>
  parseMessage(
    file,
    bytes,
    (field, into, pbf) => {
      if (field === 1) into.domain = pbf.readString();
      else if (field === 2) into.version = pbf.readVarint();
    },
    { domain: "", version: 0 },
  );
