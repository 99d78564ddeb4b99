// The low-rank branch: GPU against the CPU reference at odd sizes and for subsets of modules, the reference against plain
// matrices, and a row's bits alone and among others.

import { describe, expect, test } from "vitest";
import type { Recorder } from "../../src/gpu/index.ts";
import type { LoraSizes } from "../../src/ops/lora.ts";
import { loraReference, loraSkinny } from "../../src/ops/lora.ts";
import { expectClose, noise, sharedRecorder, upload, zeros } from "../harness.ts";
import { inChunksOf } from "../variants.ts";

/** Modules of a projection as [rows, adapted or not], one after the other. */
type Modules = readonly (readonly [rows: number, adapted: boolean])[];

function sizesOf(rows: number, rank: number, inputs: number, modules: Modules): LoraSizes {
  const parts = [];
  let [row, bRow] = [0, 0];
  for (const [count, adapted] of modules) {
    if (adapted) {
      parts.push({ row, rows: count, column: parts.length * rank, bRow });
      bRow += count;
    }
    row += count;
  }
  return { rows, rank, inputs, outputs: row, columns: parts.length * rank, scale: 1.5, parts };
}

function operands({ rows, rank, inputs, outputs, columns, parts }: LoraSizes) {
  const bRows = parts.reduce((sum, part) => sum + part.rows, 0);
  return {
    x: noise(rows * inputs, 1),
    a: noise(columns * inputs, 2),
    b: noise(bRows * rank, 3),
    y: noise(rows * outputs, 4),
  };
}

/** y after the branch was added, by the GPU. */
async function onGpu(
  recorder: Recorder,
  sizes: LoraSizes,
  { x, a, b, y }: ReturnType<typeof operands>,
): Promise<Float32Array> {
  const tensors = { x: upload(recorder, x), a: upload(recorder, a), b: upload(recorder, b) };
  const target = upload(recorder, y);
  const u = zeros(recorder, [sizes.rows, sizes.columns]);
  loraSkinny(recorder, { ...sizes, ...tensors, u, y: target });
  return recorder.readF32(target);
}

const QKV: Modules = [
  [300, true],
  [36, true],
  [60, true],
];
const Q_AND_V: Modules = [
  [260, true],
  [36, false],
  [4, true],
];
const GATE_UP: Modules = [
  [257, true],
  [63, true],
];

describe("loraReference", () => {
  test("is y + scale x A^T B^T of one small module, and leaves the others alone", () => {
    const part = { row: 1, rows: 2, column: 0, bRow: 0 };
    const sizes = { rows: 1, rank: 1, inputs: 2, outputs: 3, columns: 1, scale: 2, parts: [part] };
    const of = (...values: number[]): Float32Array => Float32Array.from(values);
    // u = 2 * (3 * 5 + 4 * 7) = 86
    expect([...loraReference(sizes, of(3, 4), of(5, 7), of(1, -1), of(10, 20, 30))]).toEqual([10, 106, -56]);
  });
});

describe("loraSkinny", () => {
  for (const [what, rank, inputs, modules] of [
    ["q, k and v in one dispatch", 8, 132, QKV],
    ["q and v without k in one dispatch", 4, 64, Q_AND_V],
    ["rank 32 in one dispatch", 32, 260, QKV],
    ["rank 12, an odd number of fours", 12, 4, Q_AND_V],
    ["rank 36, by separate products", 36, 64, QKV],
    ["many inputs, by separate products", 32, 1040, QKV],
    ["rank 3 and odd sizes", 3, 65, GATE_UP],
    ["rank 1 and one input", 1, 1, GATE_UP],
    ["rank 256", 256, 63, GATE_UP],
  ] as const) {
    test(`equals the reference: ${what}`, async () => {
      const recorder = await sharedRecorder();
      for (const rows of [1, 2, 3, 8, 17]) {
        const sizes = sizesOf(rows, rank, inputs, modules);
        const data = operands(sizes);
        const { x, a, b, y } = data;
        // Two chained sums of products of numbers below 1, in another order: errors grow with the size of the terms.
        const atol = 3e-7 * Math.sqrt(rank * inputs) * Math.sqrt(rank + inputs) + 1e-6;
        const actual = await onGpu(recorder, sizes, data);
        expectClose(actual, loraReference(sizes, x, a, b, y), { rtol: 1e-5, atol }, `${rows} rows`);
      }
    });
  }

  test("a row has the same bits alone and anywhere among others, and in split dispatches", async () => {
    const recorder = await sharedRecorder();
    for (const [rank, inputs] of [
      [8, 132],
      [36, 64],
      [5, 7],
    ] as const) {
      const sizes = sizesOf(19, rank, inputs, QKV);
      const { outputs } = sizes;
      const data = operands(sizes);
      const all = await onGpu(recorder, sizes, data);
      for (const [first, rows] of [
        [0, 1],
        [18, 1],
        [7, 2],
        [5, 4],
        [3, 9],
      ] as const) {
        const x = data.x.slice(first * inputs, (first + rows) * inputs);
        const y = data.y.slice(first * outputs, (first + rows) * outputs);
        const few = await onGpu(recorder, { ...sizes, rows }, { ...data, x, y });
        expect(few, `rows from ${first}, ${rows}`).toEqual(
          all.slice(first * outputs, (first + rows) * outputs),
        );
      }
      await inChunksOf(recorder, 1, async () => expect(await onGpu(recorder, sizes, data)).toEqual(all));
    }
  });

  test("refuses a module that leaves the projection, and a tensor that is too short", async () => {
    const recorder = await sharedRecorder();
    const sizes = sizesOf(2, 4, 8, [[8, true]]);
    const data = operands(sizes);
    const outside = { ...sizes, parts: [{ ...sizes.parts[0]!, row: 4 }] };
    await expect(onGpu(recorder, outside, data)).rejects.toThrow(/a module leaves 8 outputs/);
    const short = { ...data, b: data.b.slice(4) };
    await expect(onGpu(recorder, sizes, short)).rejects.toThrow(/fewer than 32 elements/);
  });
});
