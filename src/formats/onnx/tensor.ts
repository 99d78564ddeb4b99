// A tensor of an ONNX file whose bytes are known to be there, in the file or in a data file beside it, and stretches of
// its numbers as floats on demand. A large matrix lies in memory once, as floats, never as bytes as well.

import { UserError } from "../../common/errors.ts";
import { fromHalfBits } from "../../common/f16.ts";
import type { ByteSource } from "../safetensors.ts";
import { brokenOnnx, readBytes } from "./byte-window.ts";
import type { TensorRecord } from "./tensor-record.ts";

const ELEMENT_BYTES = { F32: 4, F16: 2, BF16: 2, U8: 1 } as const;
export type ElementType = keyof typeof ELEMENT_BYTES;

/** By TensorProto.DataType; the names of those that are not read stand in messages. */
const DATA_TYPES = [
  ..."UNDEFINED F32 U8 INT8 UINT16 INT16 INT32 INT64 STRING BOOL F16 DOUBLE UINT32 UINT64".split(" "),
  ..."COMPLEX64 COMPLEX128 BF16 FLOAT8E4M3FN FLOAT8E4M3FNUZ FLOAT8E5M2 FLOAT8E5M2FNUZ UINT4 INT4".split(" "),
];

/** Finds a data file by the name that the model gives it. */
export type ExternalFiles = (fileName: string) => ByteSource | undefined;

/** Numbers read at once. */
const CHUNK_ELEMENTS = 2 ** 22;

export class OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly type: ElementType;
  readonly #source: ByteSource;
  readonly #start: number;

  /** The tensor of `record` whose bytes begin at `start` of `source`, which has them all. */
  constructor({ name, dims }: TensorRecord, type: ElementType, source: ByteSource, start: number) {
    this.name = name;
    this.dims = dims;
    this.type = type;
    this.#source = source;
    this.#start = start;
  }

  get count(): number {
    return elements(this.dims);
  }

  /** `count` numbers from element `from`, row-major, as f32 [count]; U8 as whole numbers. */
  async read(from = 0, count = this.count): Promise<Float32Array<ArrayBuffer>> {
    const values = new Float32Array(count);
    for (let done = 0; done < count; done += CHUNK_ELEMENTS) {
      const chunk = Math.min(CHUNK_ELEMENTS, count - done);
      decode(await this.bytes(from + done, chunk), this.type, values.subarray(done, done + chunk));
    }
    return values;
  }

  /** Bytes of `count` elements from element `from`; a copy. */
  async bytes(from = 0, count = this.count): Promise<Uint8Array<ArrayBuffer>> {
    const size = ELEMENT_BYTES[this.type];
    const start = this.#start + from * size;
    return new Uint8Array(await readBytes(this.#source, start, start + count * size));
  }
}

/** Bytes of an element of types that a graph holds beside its weights, by TensorProto.DataType. */
const OTHER_BYTES: Readonly<Record<number, number>> = {
  3: 1,
  4: 2,
  5: 2,
  6: 4,
  7: 8,
  9: 1,
  11: 8,
  12: 4,
  13: 8,
};

/**
 * The bytes of `record`'s tensor, of whatever type; undefined when they are in a list field, or of a type whose size is
 * not known. Throws UserError when the data file is missing or too short.
 */
export function tensorRange(
  record: TensorRecord,
  model: ByteSource,
  files: ExternalFiles,
): ByteSource | undefined {
  const { name, place } = record;
  if (place.kind === "list") return undefined;
  if (place.kind === "inline") return rangeOf(name, model, place.start, place.end);
  const bytes = tensorBytes(record);
  if (!Number.isSafeInteger(bytes)) return undefined;
  const end = place.offset + bytes;
  return rangeOf(name, dataFile(model, name, place.file, end, files), place.offset, end);
}

/** Bytes of a tensor; NaN of one of a type whose size is not known. */
export function tensorBytes({ dims, type, place }: TensorRecord): number {
  if (place.kind === "inline") return place.end - place.start;
  if (place.kind === "external" && place.length !== undefined) return place.length;
  const size = ELEMENT_BYTES[DATA_TYPES[type] as ElementType] ?? OTHER_BYTES[type];
  return elements(dims) * (size ?? NaN);
}

/** Bytes `start` to `end` of `source` as a source of its own. */
const rangeOf = (name: string, source: ByteSource, start: number, end: number): ByteSource => ({
  name: `"${name}" in ${source.name}`,
  size: end - start,
  ...(source.blob && { blob: source.blob.slice(start, end) }),
  read: (from, to) => readBytes(source, start + from, start + to),
});

const elements = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

/** Little-endian `bytes` into `values`. */
function decode(bytes: Uint8Array<ArrayBuffer>, type: ElementType, values: Float32Array): void {
  if (type === "U8") return values.set(bytes);
  if (type === "F32") return values.set(new Float32Array(bytes.buffer));
  const words = new Uint16Array(bytes.buffer);
  if (type === "BF16") return values.set(new Float32Array(Uint32Array.from(words, (w) => w << 16).buffer));
  const table = halfTable();
  for (let i = 0; i < words.length; i++) values[i] = table[words[i]!]!;
}

let halves: Float32Array | undefined;

/** The number of every half [65536]: a model holds 500 million of them. */
const halfTable = (): Float32Array =>
  (halves ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => fromHalfBits(bits)));

/**
 * The tensor of `record`, found in `model` or in a data file. Throws UserError when its type is not read, its bytes do
 * not fit its shape, or the data file is missing or too short.
 */
export function openTensor(record: TensorRecord, model: ByteSource, files: ExternalFiles): OnnxTensor {
  const type = elementType(record, model.name);
  const { name, dims, place } = record;
  const bytes = elements(dims) * ELEMENT_BYTES[type];
  if (!Number.isSafeInteger(bytes))
    throw brokenOnnx(model.name, `tensor "${name}" has the impossible shape [${dims}]`);
  if (place.kind === "list") {
    throw new UserError(
      `Tensor "${name}" in ${model.name} does not hold raw bytes, and weights are read from raw bytes only. Export the model with onnxruntime-genai or transformers.js.`,
    );
  }
  const found = place.kind === "inline" ? place.end - place.start : (place.length ?? bytes);
  if (found !== bytes)
    throw brokenOnnx(model.name, `tensor "${name}" ${type} [${dims}] takes ${bytes} bytes, not ${found}`);
  if (place.kind === "inline") return new OnnxTensor(record, type, model, place.start);
  const source = dataFile(model, name, place.file, place.offset + bytes, files);
  return new OnnxTensor(record, type, source, place.offset);
}

/** The data file `file`, which must hold tensor `name` up to byte `end`. */
function dataFile(
  model: ByteSource,
  name: string,
  file: string,
  end: number,
  files: ExternalFiles,
): ByteSource {
  const source = externalFile(model.name, file, files);
  if (end <= source.size) return source;
  throw new UserError(
    `${source.name} has ${source.size} bytes, and ${model.name} finds tensor "${name}" up to byte ${end} of it: the two do not belong together, or the data file is incomplete. Download both again from the same folder.`,
  );
}

function elementType({ name, type }: TensorRecord, file: string): ElementType {
  const found = DATA_TYPES[type] ?? `number ${type}`;
  if (Object.hasOwn(ELEMENT_BYTES, found)) return found as ElementType;
  throw new UserError(
    `Tensor "${name}" in ${file} has type ${found}, and weights of 32 or 16 bits or 4-bit blocks are read here. Use model.onnx, model_fp16.onnx or a 4-bit export of the same model.`,
  );
}

/** The data file `name`. Throws UserError when it was not given. */
export function externalFile(model: string, name: string, files: ExternalFiles): ByteSource {
  const source = files(name);
  if (source) return source;
  throw new UserError(
    `${model} keeps its weights in a second file, "${name}", which was not given. Choose both files together.`,
  );
}
