// column_sum: GPU against the CPU reference at odd sizes, with strides, and against finite differences of a bias.

import { describe, expect, test } from "vitest";
import { columnSum, columnSumReference } from "../../src/ops/column-sum.ts";
import { expectClose, noise, sharedRecorder, upload, zeros } from "../harness.ts";
import { eachWorkgroupSize, inChunksOf } from "../variants.ts";

/** n roundings of partial sums of size sqrt(n) add up, with random signs, to n times a small part of 2^-24. */
const tolerance = (rows: number) => ({ rtol: 1e-6, atol: 1e-6 + 3e-8 * rows });

describe("column_sum", () => {
  for (const [rows, columns] of [
    [1, 1],
    [63, 65],
    [65, 63],
    [257, 257],
    [70000, 3],
  ] as const) {
    test(`adds the columns of [${rows},${columns}] as the reference does`, async () => {
      const recorder = await sharedRecorder();
      const x = noise(rows * columns, 1);
      const before = noise(columns, 2);
      const sums = columnSumReference(x, columns).map((sum, c) => sum + before[c]!);
      const tensor = upload(recorder, x, [rows, columns]);
      await eachWorkgroupSize(recorder, async () => {
        const out = upload(recorder, before);
        columnSum(recorder, { x: tensor, out, rows, columns });
        expectClose(await recorder.readF32(out), sums, tolerance(rows), "out");
      });
    });
  }

  test("of some columns of wider rows, cut into small chunks, equals the reference", async () => {
    const recorder = await sharedRecorder();
    const [rows, rowStride, columnOffset, columns] = [31, 100, 37, 42];
    const x = noise(rows * rowStride, 3);
    const out = zeros(recorder, [columns]);
    await inChunksOf(recorder, 20 * 8 * rows, async () => {
      columnSum(recorder, { x: upload(recorder, x), out, rows, columns, rowStride, columnOffset });
      const sums = columnSumReference(x, columns, rowStride, columnOffset);
      expectClose(await recorder.readF32(out), sums, tolerance(rows), "out");
    });
  });

  test("the reference is the gradient of a bias: finite differences on 4 x 7", () => {
    const dy = noise(28, 4);
    const loss = (bias: readonly number[]): number => dy.reduce((sum, d, i) => sum + d * bias[i % 7]!, 0);
    const gradient = columnSumReference(dy, 7);
    for (let c = 0; c < 7; c++) {
      const unit = Array.from({ length: 7 }, (_, i) => (i === c ? 1 : 0));
      expect(gradient[c]).toBeCloseTo(loss(unit), 6);
    }
  });
});
