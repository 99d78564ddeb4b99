// A user's own ONNX file with other weights in it: the same nodes, names, types and places, so that whatever loads the one
// loads the other, and every byte that is no changed weight the same. 4-bit matrices are quantised again where they
// changed. Written as it is read, a tensor at a time.

import { BugError, UserError } from "../../common/errors.ts";
import type { EncodedFile } from "../encoded-file.ts";
import { floatBytes } from "../safetensors-stream.ts";
import { BlockMatrix } from "./block-matrix.ts";
import type { OnnxGraph } from "./graph.ts";
import { StoredMatrix } from "./matrix.ts";
import type { Matrix } from "./matrix.ts";
import type { OnnxFiles } from "./model.ts";
import { openDecoderGraph } from "./model.ts";
import type { NamedWeights } from "./parts.ts";
import { checkPart, readPart, scatterTransposed } from "./parts.ts";
import type { Patch } from "./patched-file.ts";
import { patchedFile } from "./patched-file.ts";
import { floatType, ReplacedBlocks } from "./replaced-blocks.ts";
import { externalFile, tensorBytes } from "./tensor.ts";
import type { DecoderWeights, MatrixUse, Part, VectorUse } from "./weight-uses.ts";

export interface ReplaceOptions {
  /** Whether a weight may differ from the file's; those that do not are not read. Default: all may. */
  readonly isChanged?: (name: string) => boolean;
  /** Called when a weight was quantised again, with the largest error of its elements that changed. */
  readonly onRounded?: (name: string, worst: number) => void;
}

export interface ReplacedFile {
  /** As the user's. */
  readonly name: string;
  readonly file: EncodedFile;
}

/**
 * The model file and its data files, in this order, with `weights` by Hugging Face name. An adapter in the file is part of
 * the weights, so its B becomes zero where they are replaced. Throws UserError when `weights` do not fit the file, now, or
 * when they diverged, as the file is written.
 */
export async function replaceWeights(
  files: OnnxFiles,
  weights: NamedWeights,
  options: ReplaceOptions = {},
): Promise<readonly ReplacedFile[]> {
  const { graph, found } = await openDecoderGraph(files);
  const replacement = new Replacement(graph, weights, options);
  for (const use of found.vectors) replacement.addVector(use);
  for (const use of found.matrices) replacement.addMatrix(use, found);
  const patches = replacement.patches();
  const locations = [...graph.tensors.values()].flatMap(({ place }) =>
    place.kind === "external" ? place.file : [],
  );
  const find = files.external ?? (() => undefined);
  const dataFiles = [...new Set(locations)].map((name) => ({
    name,
    file: patchedFile(externalFile(files.model.name, name, find), patches.get(name) ?? []),
  }));
  const model = patchedFile(files.model, patches.get(MODEL) ?? []);
  return [{ name: files.model.name, file: model }, ...dataFiles];
}

/** Key of the model file among the names of data files, none of which is empty. */
const MODEL = "";

type Pieces = Patch["pieces"];

/** A tensor that holds weights. */
interface Target {
  /** What it stands for, once for every other meaning. */
  readonly meanings: (readonly Part[])[];
  /** New bytes by the name of a tensor: blocks lie in several. */
  readonly pieces: () => readonly (readonly [tensor: string, pieces: Pieces])[];
}

class Replacement {
  readonly #graph: OnnxGraph;
  readonly #weights: NamedWeights;
  readonly #options: ReplaceOptions;
  readonly #targets = new Map<string, Target>();

  constructor(graph: OnnxGraph, weights: NamedWeights, options: ReplaceOptions) {
    this.#graph = graph;
    this.#weights = weights;
    this.#options = options;
  }

  addVector({ tensor, parts }: VectorUse): void {
    const [weights, type] = [this.#weights, floatType(tensor)];
    this.#add(tensor.name, parts, [], () => [
      [
        tensor.name,
        async function* () {
          for (const [name] of parts) yield floatBytes(await readPart(weights, name), type);
        },
      ],
    ]);
  }

  addMatrix(use: MatrixUse, found: DecoderWeights): void {
    const { matrix, parts, adapter } = use;
    this.#add(matrix.tensorName, parts, [matrix.inputs], () => [
      ...this.#matrixPieces(use, found),
      ...(adapter ? [this.#zeros(adapter.b)] : []),
    ]);
  }

  /** New bytes of the tensors that changed, by data file. */
  patches(): ReadonlyMap<string, readonly Patch[]> {
    const { isChanged = () => true } = this.#options;
    const patches = new Map<string, Patch[]>();
    for (const [target, { meanings, pieces }] of this.#targets) {
      if (!meanings.flat().some(([name]) => isChanged(name))) continue;
      for (const [tensor, own] of pieces()) {
        const { file, start, end } = this.#placeOf(tensor);
        const checked: Pieces =
          meanings.length === 1 ? own : () => afterwards(() => this.#checkShared(target, meanings), own);
        patches.set(file, [...(patches.get(file) ?? []), { start, end, pieces: checked }]);
      }
    }
    return patches;
  }

  #add(tensor: string, parts: readonly Part[], rest: readonly number[], pieces: Target["pieces"]): void {
    for (const [name, rows] of parts) checkPart(this.#weights, name, [rows, ...rest]);
    const known = this.#targets.get(tensor);
    if (!known) this.#targets.set(tensor, { meanings: [parts], pieces });
    else if (!known.meanings.some((other) => String(other) === String(parts))) known.meanings.push(parts);
  }

  #matrixPieces({ matrix, parts, adapter }: MatrixUse, found: DecoderWeights): [string, Pieces][] {
    if (matrix instanceof StoredMatrix)
      return [[matrix.tensorName, () => storedPieces(matrix, parts, this.#weights)]];
    if (!(matrix instanceof BlockMatrix))
      throw new BugError(`"${matrix.tensorName}" is no matrix of the file`);
    // A second head of a tied model is the embedding, rounded: it changes where that does.
    const isCopy = matrix === found.head && parts[0]![0] === "model.embed_tokens.weight";
    const old = adapter ? undefined : isCopy ? found.embedding : matrix;
    const { onRounded } = this.#options;
    const blocks = new ReplacedBlocks(matrix, parts, this.#weights, { old, onRounded });
    const { values, scales, zeroPoints } = matrix.parts;
    return [
      [values.name, () => blocks.pieces("values")],
      [scales.name, () => blocks.pieces("scales")],
      ...(zeroPoints ? [[zeroPoints.name, () => blocks.pieces("zeroPoints")] as [string, Pieces]] : []),
    ];
  }

  /** Zeros for a matrix of an adapter: its numbers, or the scales of its blocks. */
  #zeros(matrix: Matrix): [string, Pieces] {
    const tensor = matrix instanceof BlockMatrix ? matrix.parts.scales.name : matrix.tensorName;
    const { start, end } = this.#placeOf(tensor);
    return [
      tensor,
      async function* () {
        yield await Promise.resolve(new Uint8Array(end - start));
      },
    ];
  }

  #placeOf(tensor: string): { file: string; start: number; end: number } {
    const record = this.#graph.tensors.get(tensor);
    if (!record || record.place.kind === "list") throw new BugError(`"${tensor}" has no place in the file`);
    const { place } = record;
    if (place.kind === "inline") return { file: MODEL, start: place.start, end: place.end };
    return { file: place.file, start: place.offset, end: place.offset + tensorBytes(record) };
  }

  /** Throws UserError when weights that one tensor stands for are no longer the same. */
  async #checkShared(tensor: string, meanings: readonly (readonly Part[])[]): Promise<void> {
    const [first, ...others] = meanings;
    for (const other of others) {
      for (const [i, [name]] of other.entries()) {
        const [one, two] = [
          await readPart(this.#weights, first![i]![0]),
          await readPart(this.#weights, name),
        ];
        if (one.every((value, at) => value === two[at])) continue;
        throw new UserError(
          `${this.#graph.source.name} holds "${first![i]![0]}" and "${name}" as one tensor ("${tensor}"), since they were equal, and training made them different. Save the model as safetensors instead.`,
        );
      }
    }
  }
}

async function* afterwards(check: () => Promise<void>, pieces: Pieces): AsyncGenerator<Uint8Array> {
  await check();
  yield* pieces();
}

/** Numbers that are written at once. */
const BAND_ELEMENTS = 2 ** 20;

/** The bytes of a matrix of floats whose rows are `parts`. */
async function* storedPieces(
  matrix: StoredMatrix,
  parts: readonly Part[],
  weights: NamedWeights,
): AsyncGenerator<Uint8Array> {
  const { inputs, outputs, type, isTransposed } = matrix;
  if (!isTransposed) {
    for (const [name] of parts) {
      const values = await readPart(weights, name);
      for (let at = 0; at < values.length; at += BAND_ELEMENTS)
        yield floatBytes(values.subarray(at, at + BAND_ELEMENTS), type);
    }
    return;
  }
  const values: Float32Array[] = [];
  for (const [name] of parts) values.push(await readPart(weights, name));
  const rows = Math.max(1, Math.floor(BAND_ELEMENTS / outputs));
  for (let from = 0; from < inputs; from += rows) {
    const count = Math.min(rows, inputs - from);
    const band = new Float32Array(count * outputs);
    let column = 0;
    for (const part of values) {
      scatterTransposed(part, { inputs, from, count }, band.subarray(column), outputs);
      column += part.length / inputs;
    }
    yield floatBytes(band, type);
  }
}
