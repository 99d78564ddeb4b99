// rmsnorm: GPU against the CPU reference at odd sizes, and the reference against finite differences.

import { describe, expect, test } from "vitest";
import { rmsnorm, rmsnormBackward, rmsnormForward, rmsnormGradient } from "../../src/ops/rmsnorm.ts";
import { expectClose, noise, sharedRecorder, upload, zeros } from "../harness.ts";

const EPS = 1e-6;
// Sums of up to 257 products in another order: a few units in the last place of the largest.
const TOLERANCE = { rtol: 1e-5, atol: 2e-6 };

describe("rmsnorm", () => {
  for (const [rows, channels] of [
    [1, 1],
    [3, 63],
    [65, 64],
    [7, 257],
    [66000, 1],
  ] as const) {
    test(`forward and backward of [${rows},${channels}] equal the reference`, async () => {
      const recorder = await sharedRecorder();
      const x = noise(rows * channels, 1);
      const weight = noise(channels, 2);
      const dy = noise(rows * channels, 3);
      const tensors = { x: upload(recorder, x, [rows, channels]), weight: upload(recorder, weight) };
      const y = zeros(recorder, [rows, channels]);
      const rstd = zeros(recorder, [rows]);
      rmsnorm(recorder, { ...tensors, y, rstd, rows, channels, eps: EPS });
      const dx = zeros(recorder, [rows, channels]);
      const dweight = zeros(recorder, [channels]);
      rmsnormGradient(recorder, { dy: upload(recorder, dy), ...tensors, rstd, dx, dweight, rows, channels });
      const forward = rmsnormForward(x, weight, EPS);
      const backward = rmsnormBackward(dy, x, weight, EPS);
      expectClose(await recorder.readF32(y), forward.y, TOLERANCE, "y");
      // dx of one channel is a difference that vanishes: compare on the scale of its terms, rstd.
      expectClose(
        await recorder.readF32(dx),
        backward.dx,
        { rtol: 1e-4, atol: 1e-6 * Math.max(...forward.rstd.slice(0, 1000)) },
        "dx",
      );
      expectClose(
        await recorder.readF32(dweight),
        backward.dweight,
        { rtol: 1e-4, atol: 1e-5 * Math.sqrt(rows) },
        "dweight",
      );
    });
  }

  test("with a residual, adds first and keeps the sum", async () => {
    const recorder = await sharedRecorder();
    const [rows, channels] = [5, 33];
    const x = noise(rows * channels, 4);
    const delta = noise(rows * channels, 5);
    const weight = noise(channels, 6);
    const h = zeros(recorder, [rows, channels]);
    const y = zeros(recorder, [rows, channels]);
    const rstd = zeros(recorder, [rows]);
    const add = { delta: upload(recorder, delta), h };
    rmsnorm(recorder, {
      x: upload(recorder, x),
      add,
      weight: upload(recorder, weight),
      y,
      rstd,
      rows,
      channels,
      eps: EPS,
    });
    const sum = x.map((value, i) => value + delta[i]!);
    expectClose(await recorder.readF32(h), sum, { rtol: 0, atol: 0 }, "h");
    expectClose(await recorder.readF32(y), rmsnormForward(sum, weight, EPS).y, TOLERANCE, "y");
  });

  test("the reference gradient equals finite differences on 4 x 7", () => {
    const x = noise(28, 7);
    const weight = noise(7, 8);
    const dy = noise(28, 9);
    const loss = (v: Float32Array): number =>
      rmsnormForward(v, weight, EPS).y.reduce((sum, y, i) => sum + y * dy[i]!, 0);
    const { dx } = rmsnormBackward(dy, x, weight, EPS);
    for (let i = 0; i < 28; i++) {
      const step = 1e-2;
      const up = x.slice();
      const down = x.slice();
      up[i]! += step;
      down[i]! -= step;
      expect(Math.abs((loss(up) - loss(down)) / (2 * step) - dx[i]!)).toBeLessThan(5e-3);
    }
  });
});
