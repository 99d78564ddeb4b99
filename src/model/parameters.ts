// Moves named parameters between a source of values and the tensors where their pieces lie: checked on the way in
// (shape, every value finite), exact on the way out. How they come onto the device by bands is in upload.ts.

import { bands } from "../common/bands.ts";
import { BugError, UserError } from "../common/errors.ts";
import { fromHalves } from "../common/f16.ts";
import type { Blocks4, Q4Type } from "../common/q4.ts";
import { isQ4, packQ4, q4Words, unpackQ4 } from "../common/q4.ts";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { elementCount } from "../gpu/index.ts";
import type { Stored } from "./pools.ts";
import { Upload } from "./upload.ts";
import type { Parameter, Piece } from "./weights.ts";

/** Values by name, from whichever file format. */
export interface ParameterSource {
  /** Shown in messages. */
  readonly name: string;
  /** Every tensor of the source, where it can tell; one that nothing asks for is then refused. */
  readonly names?: readonly string[];
  /** Shape of a tensor, or undefined when the source has none of that name. */
  shape(name: string): readonly number[] | undefined;
  /** Values of a tensor, row-major. */
  read(name: string): Promise<Float32Array>;
  /** How the source stores a tensor, such as "BF16"; absent: it has no types of its own. */
  type?(name: string): string | undefined;
  /** Rows `row` to `row + rows - 1` of a matrix; absent: matrices come whole. */
  readRows?(name: string, row: number, rows: number): Promise<Float32Array>;
  /** Form of a matrix that the source has in 4-bit blocks of whole records; absent: it has none so. */
  blockType?(name: string): Q4Type | undefined;
  /** The blocks of some rows of such a matrix. */
  readBlocks?(name: string, row: number, rows: number): Promise<Blocks4>;
}

/**
 * Uploads every parameter from `source`. Throws UserError naming the tensor when one is missing, has another shape or
 * holds a value that is not finite; nothing is trained on such weights.
 */
export async function loadParameters(
  recorder: Recorder,
  parameters: readonly Parameter[],
  source: ParameterSource,
  onProgress: (loaded: number, total: number) => void = () => {},
): Promise<void> {
  checkShapes(parameters, source);
  const uploads = new Map<Stored, Upload>();
  for (const [loaded, parameter] of parameters.entries()) {
    const read = readerOf(parameter, source);
    for (const piece of parameter.pieces) {
      let upload = uploads.get(piece.stored);
      if (!upload) uploads.set(piece.stored, (upload = new Upload(recorder, piece.stored.tensor)));
      await uploadPiece(parameter, piece, read, upload);
      if (upload.isDone) uploads.delete(piece.stored);
    }
    onProgress(loaded + 1, parameters.length);
  }
}

type Words = Float32Array | Uint32Array;

/** A piece is of whole rows, one after the other, and comes in bands of them. */
async function uploadPiece(
  { name, shape }: Parameter,
  { start, count, offset }: Piece,
  read: (row: number, rows: number) => Promise<Words>,
  upload: Upload,
): Promise<void> {
  const columns = elementCount(shape) / shape[0]!;
  const [first, end] = [start / columns, (start + count) / columns];
  if (upload.taken !== offset || !Number.isInteger(first) || !Number.isInteger(end))
    throw new BugError(`elements ${start} to ${start + count} of "${name}" do not follow ${upload.taken}`);
  for (const [row, rows] of bands(first, end, columns)) upload.take(await read(row, rows), rows * columns);
}

/** Reads rows of a parameter in the form in which it is stored: records of blocks, or floats. */
function readerOf(
  { name, shape, pieces }: Parameter,
  source: ParameterSource,
): (row: number, rows: number) => Promise<Words> {
  const { type } = pieces[0]!.stored.tensor;
  const columns = elementCount(shape) / shape[0]!;
  if (isQ4(type)) {
    return async (row, rows) => {
      const blocks = await source.readBlocks!(name, row, rows);
      checkFinite(`${name} (scales)`, blocks.scales, source.name);
      return packQ4(blocks, rows, columns, type);
    };
  }
  const read = rowReader(source, name);
  return async (row, rows) => {
    const values = await read(row, rows);
    checkFinite(name, values, source.name, row * columns);
    return values;
  };
}

/** Reads rows of a tensor (elements of a vector): alone where `source` can, else out of the whole, which is read once. */
export function rowReader(
  source: Pick<ParameterSource, "shape" | "read" | "readRows">,
  name: string,
): (row: number, rows: number) => Promise<Float32Array> {
  const shape = source.shape(name)!;
  if (source.readRows && shape.length > 1) return (row, rows) => source.readRows!(name, row, rows);
  const columns = elementCount(shape) / shape[0]!;
  let whole: Promise<Float32Array> | undefined;
  return async (row, rows) => {
    whole ??= source.read(name);
    return (await whole).subarray(row * columns, (row + rows) * columns);
  };
}

/** Throws UserError naming a tensor that `source` lacks, has in another shape, or has and no parameter asks for. */
export function checkShapes(
  parameters: readonly Pick<Parameter, "name" | "shape">[],
  source: ParameterSource,
): void {
  for (const { name, shape } of parameters) {
    const found = source.shape(name);
    if (!found) {
      throw new UserError(
        `${source.name} has no tensor "${name}" [${shape}]: the file and its configuration do not belong together, or it is incomplete.`,
      );
    }
    if (found.length !== shape.length || found.some((size, i) => size !== shape[i])) {
      throw new UserError(
        `Tensor "${name}" in ${source.name} has shape [${found}], and its configuration asks for [${shape}]: the two do not belong together.`,
      );
    }
  }
  const known = new Set(parameters.map(({ name }) => name));
  const strangers = (source.names ?? []).filter((name) => !known.has(name) && !HARMLESS.test(name));
  if (strangers.length === 0) return;
  throw new UserError(
    `${source.name} holds ${strangers.length} tensors that its configuration does not ask for, "${strangers[0]}" among them: the two do not belong together.`,
  );
}

/** A copy of tied weights, and tables that old versions of transformers saved. */
const HARMLESS = /^lm_head\.weight$|\.rotary_emb\.inv_freq$/;

/** Throws UserError naming the first of `values` [N] that is not finite; they begin with element `first` of the tensor. */
export function checkFinite(name: string, values: Float32Array, file: string, first = 0): void {
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  throw new UserError(
    `Tensor "${name}" in ${file} holds ${values[at]} at element ${first + at}: every weight must be a finite number. The file is damaged or its training diverged.`,
  );
}

/** What is kept of a trained parameter, each in its shape: the value, its gradient, Adam's two moments. */
export type ParameterPart = "value" | "grad" | "m" | "v";

/** One part of `parameter`, f32 in its own shape, e.g. [out,in], row-major. Throws BugError when it is frozen and has none. */
export async function readParameter(
  recorder: Recorder,
  { name, shape, pieces }: Parameter,
  part: ParameterPart = "value",
): Promise<Float32Array> {
  const result = new Float32Array(elementCount(shape));
  for (const { stored, offset, start, count } of pieces)
    result.set(await readElements(recorder, partOf(stored, part, name), offset, count), start);
  return result;
}

/** Uploads one part of a trained parameter, f32 in its own shape, e.g. [out,in]. Throws BugError on another number of values or a frozen parameter. */
export function writeParameter(
  recorder: Recorder,
  { name, shape, pieces }: Parameter,
  part: ParameterPart,
  values: Float32Array<ArrayBuffer>,
): void {
  if (values.length !== elementCount(shape))
    throw new BugError(`${values.length} values do not fit parameter "${name}" [${shape}]`);
  for (const { stored, offset, start, count } of pieces) {
    const tensor = partOf(stored, part, name);
    if (tensor.type !== "f32") throw new BugError(`parameter "${name}" is frozen in half precision`);
    recorder.write(tensor, values.subarray(start, start + count), 4 * offset);
  }
}

function partOf(stored: Stored, part: ParameterPart, name: string): Tensor {
  const tensor = part === "value" ? stored.tensor : stored[part];
  if (tensor) return tensor;
  throw new BugError(`parameter "${name}" is frozen and has no ${part}`);
}

async function readElements(
  recorder: Recorder,
  tensor: Tensor,
  from: number,
  count: number,
): Promise<Float32Array> {
  if (tensor.type === "f32") return recorder.readF32(tensor, count, from);
  if (isQ4(tensor.type)) return readBlocks(recorder, tensor, tensor.type, from, count);
  const firstWord = from >> 1;
  const words = Math.ceil((from + count) / 2) - firstWord;
  const halves = new Uint16Array(await recorder.read(tensor, 4 * words, 4 * firstWord));
  return fromHalves(halves.subarray(from - 2 * firstWord, from - 2 * firstWord + count));
}

/** Elements of a matrix of blocks, from and to whole blocks. */
async function readBlocks(
  recorder: Recorder,
  tensor: Tensor,
  type: Q4Type,
  from: number,
  count: number,
): Promise<Float32Array> {
  const [first, words] = [q4Words(from, type), q4Words(count, type)];
  const bytes = await recorder.read(tensor, 4 * words, 4 * first);
  return unpackQ4(new Uint32Array(bytes), type);
}
