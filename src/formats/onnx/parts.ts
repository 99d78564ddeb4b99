// Tensors of an ONNX file that are made of weights under Hugging Face names: joined, transposed, or as 4-bit blocks, in the
// precision of the file. Each is made when it is written.

import { UserError } from "../../common/errors.ts";
import { toHalves } from "../../common/f16.ts";
import type { TensorSpec } from "./encode.ts";
import { DATA_TYPE } from "./encode.ts";
import type { WeightPrecision } from "./precision.ts";
import { BLOCK_SIZE, floatType } from "./precision.ts";
import type { QuantisedRows } from "./quantise.ts";
import { quantiseRows } from "./quantise.ts";

/** Weights by Hugging Face name; any reader of weights is one. */
export interface NamedWeights {
  /** Shown in messages. */
  readonly name: string;
  shape(name: string): readonly number[] | undefined;
  /** Values, f32, row-major. */
  read(name: string): Promise<Float32Array>;
}

/** Hugging Face weights and their rows. */
export type Part = readonly [name: string, rows: number];

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

/** A tensor of floats in the type that `precision` has for them; a half is the nearest one. */
export const floats = (
  name: string,
  dims: readonly number[],
  precision: WeightPrecision,
  values: () => Promise<Float32Array>,
): TensorSpec => ({
  name,
  dims,
  type: floatType(precision),
  bytes: async () => (precision === "float16" ? bytesOf(toHalves(await values())) : bytesOf(await values())),
});

/** Parts [rows,...rest] one after the other, as they are. */
export function joined(
  source: NamedWeights,
  name: string,
  parts: readonly Part[],
  rest: readonly number[],
  precision: WeightPrecision,
): TensorSpec {
  for (const [part, rows] of parts) checkPart(source, part, [rows, ...rest]);
  return floats(name, [rowsOf(parts), ...rest], precision, () => readParts(source, parts));
}

/** Parts [rows,inputs] side by side as [inputs, all rows]. */
export function transposed(
  source: NamedWeights,
  name: string,
  parts: readonly Part[],
  inputs: number,
  precision: WeightPrecision,
): TensorSpec {
  for (const [part, rows] of parts) checkPart(source, part, [rows, inputs]);
  const columns = rowsOf(parts);
  return floats(name, [inputs, columns], precision, async () => {
    const result = new Float32Array(inputs * columns);
    let first = 0;
    for (const [part, rows] of parts) {
      const band = { inputs, from: 0, count: inputs };
      scatterTransposed(await readPart(source, part), band, result.subarray(first), columns);
      first += rows;
    }
    return result;
  });
}

/** Parts [rows,inputs] below each other in 4-bit blocks: `name`_Q4 [rows, blocks, bytes] and `name`_scales [rows, blocks]. */
export function blocks(
  source: NamedWeights,
  name: string,
  parts: readonly Part[],
  inputs: number,
): TensorSpec[] {
  for (const [part, rows] of parts) checkPart(source, part, [rows, inputs]);
  const rows = rowsOf(parts);
  const perRow = Math.ceil(inputs / BLOCK_SIZE);
  // The scales are written right after the blocks: both from one reading.
  let scales: Float32Array | undefined;
  const quantise = async (): Promise<QuantisedRows> =>
    quantiseRows(await readParts(source, parts), rows, inputs, BLOCK_SIZE);
  return [
    {
      name: `${name}_Q4`,
      dims: [rows, perRow, BLOCK_SIZE / 2],
      type: DATA_TYPE.uint8,
      bytes: async () => {
        const quantised = await quantise();
        scales = quantised.scales;
        return quantised.values;
      },
    },
    floats(`${name}_scales`, [rows, perRow], "int4", async () => {
      const found = scales ?? (await quantise()).scales;
      scales = undefined;
      return found;
    }),
  ];
}

/** Rows handled together, so that writes stay near each other. */
const TILE_ROWS = 32;

/** Columns of a matrix [rows,inputs]. */
export interface Band {
  readonly inputs: number;
  readonly from: number;
  readonly count: number;
}

/** The columns `band` of `values` transposed into the first columns of `into` [count,columns]. */
export function scatterTransposed(
  values: Float32Array,
  { inputs, from, count }: Band,
  into: Float32Array,
  columns: number,
): void {
  const rows = values.length / inputs;
  for (let row = 0; row < rows; row += TILE_ROWS) {
    const end = Math.min(row + TILE_ROWS, rows);
    for (let i = 0; i < count; i++) {
      for (let r = row; r < end; r++) into[i * columns + r] = values[r * inputs + from + i]!;
    }
  }
}

const rowsOf = (parts: readonly Part[]): number => parts.reduce((sum, [, rows]) => sum + rows, 0);

/** Throws UserError when `source` has no `name` of shape `wanted`. */
export function checkPart(source: NamedWeights, name: string, wanted: readonly number[]): void {
  const found = source.shape(name);
  if (found && String(found) === String(wanted)) return;
  throw new UserError(
    `${source.name} has ${found ? `"${name}" with shape [${found}]` : `no "${name}"`}, and an ONNX model of this configuration needs it with shape [${wanted}]: the weights and the configuration do not belong together.`,
  );
}

/** Values of `name`; throws UserError at one that is not finite, since such a model answers nothing. */
export async function readPart(source: NamedWeights, name: string): Promise<Float32Array> {
  const values = await source.read(name);
  // A loop: a function called for each of half a billion weights takes a minute.
  let at = 0;
  while (at < values.length && Number.isFinite(values[at])) at++;
  if (at === values.length) return values;
  throw new UserError(
    `"${name}" in ${source.name} holds ${values[at]} at element ${at}, so the model would answer nothing: its training diverged. Export an earlier checkpoint.`,
  );
}

/** Values of all parts one after the other. */
async function readParts(source: NamedWeights, parts: readonly Part[]): Promise<Float32Array> {
  const values: Float32Array[] = [];
  for (const [part] of parts) values.push(await readPart(source, part));
  if (values.length === 1) return values[0]!;
  const all = new Float32Array(values.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of values) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
