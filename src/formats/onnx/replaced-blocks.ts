// New bytes for a matrix in 4-bit blocks: the same block size, scales in the same type, zero points where the file has
// them. Blocks whose weights did not change keep their bytes, so that what was not trained is not rounded a second time.

import { BugError } from "../../common/errors.ts";
import { floatBytes, roundFloat } from "../safetensors-stream.ts";
import type { BlockMatrix } from "./block-matrix.ts";
import type { Matrix } from "./matrix.ts";
import type { NamedWeights } from "./parts.ts";
import { readPart } from "./parts.ts";
import { requantiseRows } from "./quantise.ts";
import type { OnnxTensor } from "./tensor.ts";
import type { Part } from "./weight-uses.ts";

/** The tensors that hold the matrix. */
type Kind = "values" | "scales" | "zeroPoints";

/** Weights that are quantised at once. */
const BAND_ELEMENTS = 2 ** 20;

export class ReplacedBlocks {
  readonly #matrix: BlockMatrix;
  readonly #parts: readonly Part[];
  readonly #weights: NamedWeights;
  readonly #old: Matrix | undefined;
  readonly #onRounded: ((name: string, worst: number) => void) | undefined;
  /** Bytes that one reading of the weights made for tensors which are written later. */
  readonly #kept = new Map<Kind, Uint8Array[]>();

  /** `matrix` with the rows of `parts`; blocks stay where the weights are those of `old`. */
  constructor(
    matrix: BlockMatrix,
    parts: readonly Part[],
    weights: NamedWeights,
    options: { old: Matrix | undefined; onRounded: ((name: string, worst: number) => void) | undefined },
  ) {
    this.#matrix = matrix;
    this.#parts = parts;
    this.#weights = weights;
    this.#old = options.old;
    this.#onRounded = options.onRounded;
  }

  /** The bytes of one of the tensors, all of whose numbers come from one reading of the weights. */
  async *pieces(kind: Kind): AsyncGenerator<Uint8Array> {
    const kept = this.#kept.get(kind);
    this.#kept.delete(kind);
    if (kept) return yield* kept;
    this.#kept.clear();
    for await (const band of this.#bands()) {
      for (const [other, bytes] of band) {
        if (other === kind) yield bytes;
        else this.#kept.set(other, [...(this.#kept.get(other) ?? []), bytes]);
      }
    }
  }

  async *#bands(): AsyncGenerator<(readonly [Kind, Uint8Array])[]> {
    const { inputs } = this.#matrix;
    const band = Math.max(1, Math.floor(BAND_ELEMENTS / inputs));
    let first = 0;
    for (const [name, rows] of this.#parts) {
      const weights = await readPart(this.#weights, name);
      let worst = 0;
      for (let row = 0; row < rows; row += band) {
        const count = Math.min(band, rows - row);
        const own = weights.subarray(row * inputs, (row + count) * inputs);
        const made = await this.#rows(first + row, count, own);
        worst = Math.max(worst, made.worst);
        yield made.bytes;
      }
      this.#onRounded?.(name, worst);
      first += rows;
    }
  }

  /** The bytes of rows `row` to `row + rows - 1` of all tensors. */
  async #rows(
    row: number,
    rows: number,
    weights: Float32Array,
  ): Promise<{ worst: number; bytes: (readonly [Kind, Uint8Array])[] }> {
    const { inputs, parts } = this.#matrix;
    const blocks = await this.#matrix.readBlocks(row, rows);
    const worst = requantiseRows(blocks, {
      weights,
      rows,
      inputs,
      roundScale: (scale) => roundFloat(scale, floatType(parts.scales)),
      ...(this.#old && { old: await this.#old.read(row, rows) }),
    });
    const bytes: (readonly [Kind, Uint8Array])[] = [
      ["values", blocks.values],
      ["scales", floatBytes(blocks.scales, floatType(parts.scales))],
    ];
    if (parts.zeroPoints && blocks.zeros)
      bytes.push(["zeroPoints", await zeroBytes(parts.zeroPoints, blocks.zeros, row, rows)]);
    return { worst, bytes };
  }
}

/** The type of a tensor that must be of floats. */
export function floatType({ name, type }: OnnxTensor): "F32" | "F16" | "BF16" {
  if (type === "U8") throw new BugError(`"${name}" holds bytes, not floats`);
  return type;
}

/** Zero points `zeros` [rows,blocks] as `tensor` holds them from row `row` on: floats, or two to a byte. */
async function zeroBytes(
  tensor: OnnxTensor,
  zeros: Float32Array,
  row: number,
  rows: number,
): Promise<Uint8Array> {
  if (tensor.type !== "U8") return floatBytes(zeros, tensor.type);
  const perRow = zeros.length / rows;
  const rowBytes = Math.ceil(perRow / 2);
  // The last half of a row may be padding, which stays.
  const bytes = await tensor.bytes(row * rowBytes, rows * rowBytes);
  zeros.forEach((zero, i) => {
    const [r, block] = [Math.floor(i / perRow), i % perRow];
    const at = r * rowBytes + (block >> 1);
    bytes[at] = block % 2 === 0 ? (bytes[at]! & 0xf0) | zero : (bytes[at]! & 0x0f) | (zero << 4);
  });
  return bytes;
}
