// ONNX messages to bytes, the large ones in pieces: lengths are known before the weights are read, so that a model of two
// gigabytes never lies in memory twice. The same graph gives the same bytes. Knows nothing of decoders.
// Field numbers are those of onnx.proto (https://github.com/onnx/onnx).

import { PbfWriter } from "pbf";

import type { EncodedFile } from "../encoded-file.ts";

/** TensorProto.DataType. */
export const DATA_TYPE = { float: 1, uint8: 2, int32: 6, int64: 7, float16: 10 } as const;
const ELEMENT_BYTES: Readonly<Record<number, number>> = { 1: 4, 2: 1, 7: 8, 10: 2 };

/** `int` and `float` say how a number is written; a list is of ints. */
export type AttributeSpec =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: number[] };

export interface NodeSpec {
  readonly op: string;
  /** `com.microsoft` for fused operators; `ai.onnx` when left out. */
  readonly domain?: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeSpec>>;
}

export interface TensorSpec {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: number;
  /** Little-endian elements, row-major. */
  bytes(): Promise<Uint8Array>;
}

/** An input or output; a dimension is a number or a name. */
export interface ValueSpec {
  readonly name: string;
  readonly type: number;
  readonly dims: readonly (number | string)[];
}

export interface ModelSpec {
  readonly producer: string;
  readonly irVersion: number;
  readonly opsets: readonly (readonly [domain: string, version: number])[];
  readonly graphName: string;
  readonly nodes: readonly NodeSpec[];
  readonly tensors: readonly TensorSpec[];
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
}

/** Bytes of the data of `tensor`. */
const tensorBytes = ({ dims, type }: TensorSpec): number =>
  dims.reduce((a, b) => a * b, ELEMENT_BYTES[type]!);

/** The bytes of `model`, which are made when they are asked for. */
export function encodeModel(model: ModelSpec): EncodedFile {
  const before = bytesOf((pbf) => {
    for (const node of model.nodes) pbf.writeMessage(1, writeNode, node);
    pbf.writeStringField(2, model.graphName);
  });
  const after = bytesOf((pbf) => {
    for (const value of model.inputs) pbf.writeMessage(11, writeValue, value);
    for (const value of model.outputs) pbf.writeMessage(12, writeValue, value);
  });
  const heads = model.tensors.map((tensor) => tensorHead(tensor, tensorBytes(tensor)));
  const data = model.tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
  const graphBytes = heads.reduce((sum, head) => sum + head.length, before.length + after.length + data);
  const start = bytesOf((pbf) => {
    pbf.writeVarintField(1, model.irVersion);
    pbf.writeStringField(2, model.producer);
    writeLength(pbf, 7, graphBytes);
  });
  const end = bytesOf((pbf) => {
    for (const opset of model.opsets) pbf.writeMessage(8, writeOpset, opset);
  });
  return {
    size: start.length + graphBytes + end.length,
    async *pieces() {
      yield start;
      yield before;
      for (const [i, tensor] of model.tensors.entries()) {
        yield heads[i]!;
        yield await tensor.bytes();
      }
      yield after;
      yield end;
    },
  };
}

/** A node of a graph as a field of its message. */
export const encodeNode = (node: NodeSpec): Uint8Array =>
  bytesOf((pbf) => pbf.writeMessage(1, writeNode, node));

/** An input of a graph as a field of its message. */
export const encodeInput = (value: ValueSpec): Uint8Array =>
  bytesOf((pbf) => pbf.writeMessage(11, writeValue, value));

/** A field of text. */
export const encodeText = (field: number, text: string): Uint8Array =>
  bytesOf((pbf) => pbf.writeStringField(field, text));

/** Tag and length of field `field`, whose payload of `bytes` bytes follows. */
export const encodeLength = (field: number, bytes: number): Uint8Array =>
  bytesOf((pbf) => writeLength(pbf, field, bytes));

type TensorHead = Pick<TensorSpec, "name" | "dims" | "type">;

/** An initializer as a field of its graph, with its data. */
export const encodeInline = (tensor: TensorHead, data: Uint8Array): Uint8Array<ArrayBuffer> =>
  joinBytes([tensorHead(tensor, data.length), data]);

/** An initializer as a field of its graph, whose `length` bytes of data are the file `location`. */
export const encodeExternal = (
  { name, dims, type }: TensorHead,
  location: string,
  length: number,
): Uint8Array =>
  bytesOf((pbf) =>
    pbf.writeMessage(
      5,
      (_: null, into) => {
        for (const size of dims) into.writeVarintField(1, size);
        into.writeVarintField(2, type);
        into.writeStringField(8, name);
        for (const entry of [
          ["location", location],
          ["offset", "0"],
          ["length", String(length)],
        ] as const)
          into.writeMessage(13, writeEntry, entry);
        // External.
        into.writeVarintField(14, 1);
      },
      null,
    ),
  );

/** StringStringEntryProto. */
function writeEntry([key, value]: readonly [string, string], pbf: PbfWriter): void {
  pbf.writeStringField(1, key);
  pbf.writeStringField(2, value);
}

function bytesOf(write: (pbf: PbfWriter) => void): Uint8Array {
  const pbf = new PbfWriter();
  write(pbf);
  return pbf.finish().slice();
}

/** Tag and length of field `field`, whose payload follows as other pieces. */
function writeLength(pbf: PbfWriter, field: number, bytes: number): void {
  pbf.writeTag(field, 2);
  pbf.writeVarint(bytes);
}

/** Everything of an initializer before its data: tag, length, and TensorProto up to the length of raw_data. */
function tensorHead(tensor: TensorHead, data: number): Uint8Array {
  const inside = bytesOf((pbf) => {
    for (const size of tensor.dims) pbf.writeVarintField(1, size);
    pbf.writeVarintField(2, tensor.type);
    pbf.writeStringField(8, tensor.name);
    writeLength(pbf, 9, data);
  });
  const length = bytesOf((pbf) => writeLength(pbf, 5, inside.length + data));
  return joinBytes([length, inside]);
}

/** One array of all `pieces`. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

function writeNode(node: NodeSpec, pbf: PbfWriter): void {
  for (const input of node.inputs) pbf.writeStringField(1, input);
  for (const output of node.outputs) pbf.writeStringField(2, output);
  pbf.writeStringField(3, node.name);
  pbf.writeStringField(4, node.op);
  for (const attribute of Object.entries(node.attributes ?? {}))
    pbf.writeMessage(5, writeAttribute, attribute);
  if (node.domain !== undefined) pbf.writeStringField(7, node.domain);
}

/** AttributeProto.AttributeType stands in field 20. */
function writeAttribute([name, value]: [string, AttributeSpec], pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  if ("float" in value) {
    pbf.writeFloatField(2, value.float);
    pbf.writeVarintField(20, 1);
  } else if ("int" in value) {
    pbf.writeVarintField(3, value.int);
    pbf.writeVarintField(20, 2);
  } else {
    for (const item of value.ints) pbf.writeVarintField(8, item);
    pbf.writeVarintField(20, 7);
  }
}

/** ValueInfoProto with TypeProto.Tensor and TensorShapeProto. */
function writeValue({ name, type, dims }: ValueSpec, pbf: PbfWriter): void {
  const writeDim = (dim: number | string, into: PbfWriter): void => {
    if (typeof dim === "number") into.writeVarintField(1, dim);
    else into.writeStringField(2, dim);
  };
  const writeShape = (_: null, into: PbfWriter): void => {
    for (const dim of dims) into.writeMessage(1, writeDim, dim);
  };
  const writeTensor = (_: null, into: PbfWriter): void => {
    into.writeVarintField(1, type);
    into.writeMessage(2, writeShape, null);
  };
  pbf.writeStringField(1, name);
  pbf.writeMessage(2, (_: null, into) => into.writeMessage(1, writeTensor, null), null);
}

function writeOpset([domain, version]: readonly [string, number], pbf: PbfWriter): void {
  pbf.writeStringField(1, domain);
  pbf.writeVarintField(2, version);
}
