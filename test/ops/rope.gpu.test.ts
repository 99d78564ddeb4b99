// rope: rotation and its inverse against the CPU reference, the reference against complex numbers and finite differences.

import { describe, expect, test } from "vitest";
import { rope, ropeRotate, ropeTable } from "../../src/ops/rope.ts";
import { expectClose, noise, sharedRecorder, upload } from "../harness.ts";
import { eachWorkgroupSize, inChunksOf } from "../variants.ts";

/** Two products and a sum of numbers below 1, rounded. */
const TOLERANCE = { rtol: 0, atol: 3e-7 };
const MAX_POSITIONS = 300;

/** [rows, row stride, heads, head size] */
const CASES = [
  [1, 2, 1, 2],
  [63, 65, 2, 32],
  [65, 4 * 64, 3, 64],
  [257, 21 * 6, 20, 6],
  [70000, 4, 1, 4],
] as const;

describe("rope", () => {
  for (const [rows, rowStride, heads, headSize] of CASES) {
    test(`rotates ${heads} heads of ${headSize} in [${rows},${rowStride}] and back as the reference does`, async () => {
      const recorder = await sharedRecorder();
      const x = noise(rows * rowStride, 1);
      const positions = Array.from({ length: rows }, (_, n) => (n * 37) % MAX_POSITIONS);
      const table = ropeTable(MAX_POSITIONS, { headSize, ropeTheta: 10000 });
      const shape = { rowStride, heads, headSize };
      const rotated = ropeRotate(x, positions, table, { ...shape, direction: "forward" });
      const tensors = {
        positions: upload(recorder, positions, [rows], "u32"),
        positionStride: 1,
        positionOffset: 0,
        table: upload(recorder, table, [MAX_POSITIONS, headSize]),
      };
      await eachWorkgroupSize(recorder, async () => {
        const tensor = upload(recorder, x, [rows, rowStride]);
        rope(recorder, { x: tensor, ...tensors, rows, ...shape, direction: "forward" });
        expectClose(await recorder.readF32(tensor), rotated, TOLERANCE, "forward");
        rope(recorder, { x: tensor, ...tensors, rows, ...shape, direction: "inverse" });
        expectClose(await recorder.readF32(tensor), x, TOLERANCE, "there and back");
      });
    });
  }

  test("reads strided positions, leaves other columns, and may be cut into small chunks", async () => {
    const recorder = await sharedRecorder();
    const [rows, rowStride, heads, headSize] = [37, 50, 3, 8];
    const x = noise(rows * rowStride, 2);
    const positions = Array.from({ length: rows }, (_, n) => 36 - n);
    const records = new Uint32Array(5 * rows).fill(290);
    positions.forEach((position, n) => (records[5 * n + 4] = position));
    const table = ropeTable(MAX_POSITIONS, { headSize, ropeTheta: 1e6 });
    const tensor = upload(recorder, x);
    const shape = { rowStride, heads, headSize, direction: "inverse" } as const;
    await inChunksOf(recorder, 20 * heads * headSize * 5, async () => {
      rope(recorder, {
        x: tensor,
        positions: upload(recorder, records, [5 * rows], "u32"),
        positionStride: 5,
        positionOffset: 4,
        table: upload(recorder, table),
        rows,
        ...shape,
      });
      expectClose(await recorder.readF32(tensor), ropeRotate(x, positions, table, shape), TOLERANCE, "x");
    });
  });

  test("the reference multiplies the complex number (x[i], x[i + D/2]) by exp(i position theta^(-2i/D))", () => {
    const x = noise(12, 3);
    const shape = { rowStride: 12, heads: 2, headSize: 6, direction: "forward" } as const;
    const y = ropeRotate(x, [5], ropeTable(6, { headSize: 6, ropeTheta: 10000 }), shape);
    for (const head of [0, 1]) {
      for (const i of [0, 1, 2]) {
        const [re, im] = [x[6 * head + i]!, x[6 * head + 3 + i]!];
        const angle = Math.atan2(im, re) + 5 * 10000 ** (-i / 3);
        expect(y[6 * head + i]).toBeCloseTo(Math.hypot(re, im) * Math.cos(angle), 6);
        expect(y[6 * head + 3 + i]).toBeCloseTo(Math.hypot(re, im) * Math.sin(angle), 6);
      }
    }
  });

  test("the table takes scaled frequencies and refuses half a pair", () => {
    const rotary = { headSize: 8, ropeTheta: 10000 };
    const halved = ropeTable(3, { ...rotary, ropeScaling: { type: "linear", factor: 2 } });
    expect([...halved.subarray(16)]).toEqual([...ropeTable(2, rotary).subarray(8)]);
    expect(() => ropeTable(3, { ...rotary, headSize: 7 })).toThrow("head size 7");
  });

  test("the inverse is the gradient: finite differences on 4 x 8", () => {
    const x = noise(32, 4);
    const dy = noise(32, 5);
    const positions = [0, 3, 1, 7];
    const table = ropeTable(8, { headSize: 4, ropeTheta: 100 });
    const shape = { rowStride: 8, heads: 2, headSize: 4 };
    const loss = (v: Float32Array): number =>
      ropeRotate(v, positions, table, { ...shape, direction: "forward" }).reduce(
        (sum, y, i) => sum + y * dy[i]!,
        0,
      );
    const dx = ropeRotate(dy, positions, table, { ...shape, direction: "inverse" });
    for (let i = 0; i < 32; i++) {
      const up = x.slice();
      const down = x.slice();
      up[i]! += 0.5;
      down[i]! -= 0.5;
      // Linear: only f32 rounding is left.
      expect(Math.abs(loss(up) - loss(down) - dx[i]!)).toBeLessThan(1e-5);
    }
  });
});
