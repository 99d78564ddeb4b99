// The low-rank branch of a stacked projection for a few rows: CPU reference first, then the launcher of
// shaders/lora.wgsl. Decoding is bound by the number of dispatches, so one serves all modules where sizes allow it. With
// many rows separate products are faster (model/linear.ts).

import loraCode from "../../shaders/lora.wgsl?raw";
import { BugError } from "../common/errors.ts";
import type { Recorder, Tensor } from "../gpu/index.ts";
import { ceilDiv, elementCount } from "../gpu/index.ts";
import { matmulSkinny } from "./matmul.ts";

const SHADER = { name: "lora", code: loraCode };
/** Modules that one dispatch takes: q, k and v. */
const MAX_PARTS = 3;
/** What the shader's workgroup memory holds. */
const MAX_RANK = 32;
/**
 * Multiply-adds a row for which one dispatch is still better than several, though its tiles each compute u. On a software
 * adapter with 8 rows of rank 16: 0.4 ms instead of 0.7 for q, k, v of a 0.5B model (86,016), 2.2 instead of 0.7 for its
 * gate and up (544,768). Must not depend on the number of rows: a row's bits do not.
 */
const MAX_REPEATED = 2 ** 17;
/** Outputs of a workgroup. */
const TILE = 256;

/** Where one adapted module of a stacked projection lies. */
export interface LoraRange {
  /** First output of the projection that belongs to the module, and their number. */
  readonly row: number;
  readonly rows: number;
  /** First row of the module's share of A. */
  readonly column: number;
  /** First row of the module's share of B. */
  readonly bRow: number;
}

export interface LoraSizes {
  /** N. */
  readonly rows: number;
  readonly rank: number;
  readonly inputs: number;
  readonly outputs: number;
  /** Rows of A. */
  readonly columns: number;
  /** alpha / rank. */
  readonly scale: number;
  /** One to three modules. */
  readonly parts: readonly LoraRange[];
}

/** y [N,outputs] + scale x A^T B^T module by module, of x [N,inputs], a [columns,inputs], b [sum of module rows,rank]. */
export function loraReference(
  { rows, rank, inputs, outputs, scale, parts }: LoraSizes,
  x: Float32Array,
  a: Float32Array,
  b: Float32Array,
  y: Float32Array,
): Float32Array {
  const result = y.slice();
  for (let n = 0; n < rows; n++) {
    for (const { row, rows: count, column, bRow } of parts) {
      const u = new Float64Array(rank);
      for (let r = 0; r < rank; r++) {
        for (let k = 0; k < inputs; k++) u[r]! += scale * x[n * inputs + k]! * a[(column + r) * inputs + k]!;
      }
      for (let j = 0; j < count; j++) {
        result[n * outputs + row + j]! += u.reduce(
          (sum, value, r) => sum + value * b[(bRow + j) * rank + r]!,
          0,
        );
      }
    }
  }
  return result;
}

export interface LoraArgs extends LoraSizes {
  /** Input of the projection, f32[N,inputs]. */
  readonly x: Tensor;
  /** A of all modules, f32[columns,inputs]. */
  readonly a: Tensor;
  /** B of all modules, f32[sum of module rows,rank]. */
  readonly b: Tensor;
  /** Room for scale x A^T, f32[N,columns]; what it holds afterwards is not said. */
  readonly u: Tensor;
  /** Output of the projection, f32[N,outputs]; added to. */
  readonly y: Tensor;
}

/** Records y [N,outputs] += scale x A^T B^T for all modules; the bits of a row depend neither on N nor on its place. */
export function loraSkinny(recorder: Recorder, args: LoraArgs): void {
  check(args);
  const { rank, inputs, parts } = args;
  const suits = rank <= MAX_RANK && tilesOf(parts) * rank * inputs <= MAX_REPEATED;
  if (suits && allowsFours(args)) oneDispatch(recorder, args);
  else products(recorder, args);
}

/** Whether loads of four elements stay within rows and modules. */
const allowsFours = ({ rank, inputs, outputs, parts }: LoraSizes): boolean =>
  [rank, inputs, outputs, ...parts.flatMap(({ row, rows }) => [row, rows])].every((size) => size % 4 === 0);

/** Workgroups for a few rows of these modules. */
const tilesOf = (parts: readonly LoraRange[]): number =>
  parts.reduce((sum, { rows }) => sum + ceilDiv(rows, TILE), 0);

function oneDispatch(recorder: Recorder, { x, a, b, y, ...sizes }: LoraArgs): void {
  const { rows, rank, inputs, outputs, scale, parts } = sizes;
  const ROWS = rows <= 2 ? rows : rows <= 4 ? 4 : 8;
  const kernel = recorder.gpu.compiler.kernel(SHADER, "project", { consts: { ROWS } });
  const tiles = tilesOf(parts);
  const workPerTile = 2 * ROWS * tiles * rank * (inputs + TILE);
  recorder.split(ceilDiv(rows, ROWS), workPerTile, (first, count) =>
    recorder.dispatch({
      kernel,
      params: { rows, rank, inputs, outputs, scale, tile_offset: first, ...partParams(parts) },
      tensors: { x, a, b, y },
      workgroups: [tiles, count],
      work: workPerTile * count,
    }),
  );
}

function partParams(parts: readonly LoraRange[]): Record<string, number> {
  const params: Record<string, number> = {};
  for (let i = 0; i < MAX_PARTS; i++) {
    const { row = 0, rows = 0, column = 0, bRow = 0 } = parts[i] ?? {};
    params[`row_${i}`] = row;
    params[`count_${i}`] = rows;
    params[`column_${i}`] = column;
    params[`b_row_${i}`] = bRow;
  }
  return params;
}

/** Any sizes: U = scale x A^T, then a product per module. */
function products(recorder: Recorder, args: LoraArgs): void {
  const { x, a, b, u, y, rows: r, rank, inputs, outputs, columns, scale, parts } = args;
  matmulSkinny(recorder, { x, w: a, y: u, r, n: columns, k: inputs, alpha: scale });
  for (const { row, rows: n, column, bRow } of parts) {
    const input = { x: u, ldx: columns, xOffset: column, w: b, wOffset: bRow * rank };
    matmulSkinny(recorder, { ...input, y, ldy: outputs, yOffset: row, r, n, k: rank, accumulate: true });
  }
}

/** Throws BugError when the shader cannot hold the sizes, or a module or row leaves a tensor. */
function check({ x, a, b, u, y, rows, rank, inputs, columns, outputs, parts }: LoraArgs): void {
  const what = `lora of ${rows} rows, rank ${rank}`;
  if (parts.length < 1 || parts.length > MAX_PARTS)
    throw new BugError(`${what}: ${parts.length} modules instead of 1 to ${MAX_PARTS}`);
  const fits = (part: LoraRange): boolean => part.row + part.rows <= outputs && part.column + rank <= columns;
  if (!parts.every(fits))
    throw new BugError(`${what}: a module leaves ${outputs} outputs or ${columns} columns`);
  const needed: [Tensor, number][] = [
    [x, rows * inputs],
    [a, columns * inputs],
    [b, rank * Math.max(...parts.map((part) => part.bRow + part.rows))],
    [u, rows * columns],
    [y, rows * outputs],
  ];
  for (const [tensor, count] of needed) {
    if (elementCount(tensor.shape) < count)
      throw new BugError(`${what}: ${tensor.label} [${tensor.shape}] has fewer than ${count} elements`);
  }
}
