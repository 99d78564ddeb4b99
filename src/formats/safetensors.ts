// The safetensors container: header checked against the file before anything is believed, tensors read one at a time so
// that a large file never lies in memory whole. Writes the same format. Knows nothing of models.
// Source: https://github.com/huggingface/safetensors (format section of the README).

import { UserError } from "../common/errors.ts";
import { fromBfloat16 } from "../common/bf16.ts";
import { fromHalves } from "../common/f16.ts";

/** Random access to bytes: a File, a cached file, an array. */
export interface ByteSource {
  /** Shown in messages. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** The same bytes for whoever reads them by itself, where they are a file of the browser's. */
  readonly blob?: Blob;
  /** Bytes `start` (inclusive) to `end` (exclusive). */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** A source over bytes that are in memory already. */
export const bytesSource = (name: string, bytes: Uint8Array): ByteSource => ({
  name,
  size: bytes.length,
  read: (start, end) => Promise.resolve(bytes.subarray(start, end)),
});

/** A source over a file of the browser's, read in ranges. */
export const blobSource = (name: string, blob: Blob): ByteSource => ({
  name,
  size: blob.size,
  blob,
  read: async (start, end) => new Uint8Array(await blob.slice(start, end).arrayBuffer()),
});

const ELEMENT_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  U32: 4,
  U8: 1,
  I8: 1,
  BOOL: 1,
} as const;
type Dtype = keyof typeof ELEMENT_BYTES;

export interface TensorEntry {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Position in the file, bytes. */
  readonly start: number;
  readonly end: number;
}

const MAX_HEADER_BYTES = 100 * 2 ** 20;

/** An opened safetensors file: the list of its tensors, and their values on demand. */
export class SafetensorsFile {
  readonly #source: ByteSource;
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(
    source: ByteSource,
    entries: ReadonlyMap<string, TensorEntry>,
    metadata: Record<string, string>,
  ) {
    this.#source = source;
    this.entries = entries;
    this.metadata = metadata;
  }

  get name(): string {
    return this.#source.name;
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** The entry of tensor `name`; throws UserError when the file has none. */
  entry(name: string): TensorEntry {
    const entry = this.entries.get(name);
    if (!entry)
      throw new UserError(
        `${this.name} has no tensor "${name}": it is not the file of this model, or it is incomplete.`,
      );
    return entry;
  }

  /**
   * Values of `name` as 32-bit floats, row-major: all, or rows `row` to `row + rows - 1`. F32, F16 and BF16 are exact. Throws
   * UserError on other types.
   */
  async readF32(name: string, row = 0, rows = this.entry(name).shape[0] ?? 1): Promise<Float32Array> {
    const { dtype, shape, start } = this.entry(name);
    const rowBytes = shape.slice(1).reduce((a, b) => a * b, ELEMENT_BYTES[dtype]);
    const bytes = await this.#bytes(start + row * rowBytes, start + (row + rows) * rowBytes);
    if (dtype === "F32") return new Float32Array(bytes);
    if (dtype === "F64") return Float32Array.from(new Float64Array(bytes));
    if (dtype === "F16") return fromHalves(new Uint16Array(bytes));
    if (dtype === "BF16") return fromBfloat16(new Uint16Array(bytes));
    throw new UserError(`Tensor "${name}" in ${this.name} has type ${dtype}: F32, F16 or BF16 is needed.`);
  }

  /** Values of `name` as 32-bit integers. Throws UserError on other types than I32, U32 and I64. */
  async readI32(name: string): Promise<Int32Array> {
    const { dtype, start, end } = this.entry(name);
    const bytes = await this.#bytes(start, end);
    if (dtype === "I32" || dtype === "U32") return new Int32Array(bytes);
    if (dtype === "I64") return Int32Array.from(new BigInt64Array(bytes), Number);
    throw new UserError(`Tensor "${name}" in ${this.name} has type ${dtype}: I32 or I64 is needed.`);
  }

  async #bytes(start: number, end: number): Promise<ArrayBuffer> {
    const bytes = await this.#source.read(start, end);
    if (bytes.length !== end - start) {
      throw new UserError(
        `${this.name} ended early: ${end - start} bytes were wanted at ${start}, ${bytes.length} came.`,
      );
    }
    // A copy of just these bytes; `slice` of a Node Buffer would be a view of the whole file.
    return new Uint8Array(bytes).buffer;
  }
}

/** Opens a safetensors file. Throws UserError when the header is not one or does not fit the file. */
export async function openSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const broken = (why: string): UserError =>
    new UserError(`${source.name} is not a whole safetensors file: ${why}.`);
  if (source.size < 8) throw broken(`it has ${source.size} bytes`);
  const first = await source.read(0, 8);
  const headerBytes = Number(new DataView(first.buffer, first.byteOffset).getBigUint64(0, true));
  if (headerBytes > Math.min(MAX_HEADER_BYTES, source.size - 8))
    throw broken(`its header claims ${headerBytes} bytes of ${source.size}`);
  const text = new TextDecoder().decode(await source.read(8, 8 + headerBytes));
  let header: Record<string, { dtype?: unknown; shape?: unknown; data_offsets?: unknown }>;
  try {
    header = JSON.parse(text) as typeof header;
  } catch {
    throw broken("its header is not JSON");
  }
  const { __metadata__: metadata = {}, ...tensors } = header;
  const entries = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(tensors)) {
    entries.set(name, checkEntry(name, value, 8 + headerBytes, source.size, broken));
  }
  return new SafetensorsFile(source, entries, metadata as Record<string, string>);
}

function checkEntry(
  name: string,
  value: { dtype?: unknown; shape?: unknown; data_offsets?: unknown },
  base: number,
  size: number,
  broken: (why: string) => UserError,
): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = value ?? {};
  if (typeof dtype !== "string" || !Object.hasOwn(ELEMENT_BYTES, dtype))
    throw broken(`tensor "${name}" has unknown type ${String(dtype)}`);
  const isSize = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;
  if (!Array.isArray(shape) || !shape.every(isSize)) throw broken(`tensor "${name}" has no shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    throw broken(`tensor "${name}" has no offsets`);
  const [from, to] = offsets as [number, number];
  const bytes = (shape as number[]).reduce((a, b) => a * b, ELEMENT_BYTES[dtype as Dtype]);
  if (to - from !== bytes)
    throw broken(`tensor "${name}" ${dtype} [${shape}] should take ${bytes} bytes, not ${to - from}`);
  if (base + to > size) throw broken(`tensor "${name}" ends at byte ${base + to} of ${size}`);
  return { dtype: dtype as Dtype, shape: shape as number[], start: base + from, end: base + to };
}

/** A tensor that is to be written. */
export interface TensorPlan {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/** Bytes of the values of a tensor. */
export const tensorBytes = ({ dtype, shape }: TensorPlan): number =>
  shape.reduce((a, b) => a * b, ELEMENT_BYTES[dtype]);

/** Everything of a safetensors file before the values of `tensors`, which follow in this order. */
export function safetensorsHead(
  tensors: readonly TensorPlan[],
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let at = 0;
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor;
    header[name] = { dtype, shape, data_offsets: [at, (at += tensorBytes(tensor))] };
  }
  // Data starts 8-aligned, as the reference writer does: pad the header with spaces.
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(8 + headerBytes).fill(0x20, 8);
  new DataView(head.buffer).setBigUint64(0, BigInt(headerBytes), true);
  head.set(json, 8);
  return head;
}

/** The bytes of a safetensors file holding `tensors` as F32, in the given order. */
export function writeSafetensors(
  tensors: Iterable<readonly [name: string, shape: readonly number[], values: Float32Array]>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const list = [...tensors];
  const plans = list.map(([name, shape]): TensorPlan => ({ name, dtype: "F32", shape }));
  const head = safetensorsHead(plans, metadata);
  const file = new Uint8Array(head.length + list.reduce((sum, [, , values]) => sum + values.byteLength, 0));
  file.set(head);
  let at = head.length;
  for (const [, , values] of list) {
    file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return file;
}
