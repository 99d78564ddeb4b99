// head_norm: GPU against the CPU reference at odd sizes, with and without what backward needs, and the reference against
// finite differences. Values of a row must come out as they went in.

import { describe, expect, test } from "vitest";
import { headNorm, headNormBackward, headNormForward, headNormGradient } from "../../src/ops/head-norm.ts";
import { expectClose, noise, sharedRecorder, upload, zeros } from "../harness.ts";
import { eachWorkgroupSize } from "../variants.ts";

const EPS = 1e-6;
// Sums of up to 128 products in another order: a few units in the last place of the largest.
const TOLERANCE = { rtol: 1e-5, atol: 2e-6 };

/** [rows, heads, key-value heads, head size] */
const CASES = [
  [1, 1, 1, 16],
  [63, 3, 1, 20],
  [65, 4, 2, 36],
  [3, 16, 8, 128],
  [22001, 2, 1, 4],
] as const;

describe("head_norm", () => {
  for (const [rows, heads, kvHeads, headSize] of CASES) {
    test(`normalises ${heads} + ${kvHeads} heads of ${headSize} in ${rows} rows and back as the reference does`, async () => {
      const recorder = await sharedRecorder();
      const sizes = { heads, kvHeads, headSize };
      const columns = (heads + 2 * kvHeads) * headSize;
      const x = noise(rows * columns, 1);
      const dy = noise(rows * columns, 2);
      const weights = { q: noise(headSize, 3), k: noise(headSize, 4) };
      const expected = headNormForward(x, weights, sizes, EPS);
      const { dqkv, dweights } = headNormBackward(dy, x, weights, sizes, EPS);
      await eachWorkgroupSize(recorder, async () => {
        const tensors = { q: upload(recorder, weights.q), k: upload(recorder, weights.k) };
        const keep = {
          x: zeros(recorder, [rows, (heads + kvHeads) * headSize]),
          rstd: zeros(recorder, [rows, heads + kvHeads]),
        };
        const plain = upload(recorder, x, [rows, columns]);
        const kept = upload(recorder, x, [rows, columns]);
        headNorm(recorder, { qkv: plain, weights: tensors, rows, eps: EPS, ...sizes });
        headNorm(recorder, { qkv: kept, weights: tensors, keep, rows, eps: EPS, ...sizes });
        const y = await recorder.readF32(plain);
        expectClose(y, expected, TOLERANCE, "y");
        expectClose(await recorder.readF32(kept), y, { rtol: 0, atol: 0 }, "y, kept");
        const gradient = upload(recorder, dy, [rows, columns]);
        const sums = { q: upload(recorder, weights.k), k: zeros(recorder, [headSize]) };
        headNormGradient(recorder, {
          dqkv: gradient,
          weights: tensors,
          dweights: sums,
          kept: keep,
          rows,
          ...sizes,
        });
        expectClose(await recorder.readF32(gradient), dqkv, { rtol: 1e-4, atol: 1e-5 }, "dqkv");
        const scale = { rtol: 1e-4, atol: 2e-5 * Math.sqrt(rows * heads) };
        const added = dweights.q.map((value, d) => value + weights.k[d]!);
        expectClose(await recorder.readF32(sums.q), added, scale, "dq_weight");
        expectClose(await recorder.readF32(sums.k), dweights.k, scale, "dk_weight");
      });
    });
  }

  test("frozen weights get no gradient and change nothing else", async () => {
    const recorder = await sharedRecorder();
    const sizes = { heads: 2, kvHeads: 1, headSize: 8 };
    const x = noise(32, 5);
    const weights = { q: noise(8, 6), k: noise(8, 7) };
    const tensors = { q: upload(recorder, weights.q), k: upload(recorder, weights.k) };
    const keep = { x: zeros(recorder, [1, 24]), rstd: zeros(recorder, [1, 3]) };
    headNorm(recorder, { qkv: upload(recorder, x), weights: tensors, keep, rows: 1, eps: EPS, ...sizes });
    const dy = noise(32, 8);
    const dqkv = upload(recorder, dy);
    const dweights = { q: undefined, k: undefined };
    headNormGradient(recorder, { dqkv, weights: tensors, dweights, kept: keep, rows: 1, ...sizes });
    const expected = headNormBackward(dy, x, weights, sizes, EPS).dqkv;
    expectClose(await recorder.readF32(dqkv), expected, { rtol: 1e-4, atol: 1e-5 });
  });

  test("the reference gradient equals finite differences on one row", () => {
    const sizes = { heads: 2, kvHeads: 1, headSize: 4 };
    const x = noise(16, 9);
    const dy = noise(16, 10);
    const weights = { q: noise(4, 11), k: noise(4, 12) };
    const loss = (v: Float32Array, w = weights): number =>
      headNormForward(v, w, sizes, EPS).reduce((sum, y, i) => sum + y * dy[i]!, 0);
    const moved = (values: Float32Array, at: number, by: number): Float32Array =>
      values.map((value, i) => (i === at ? value + by : value));
    const { dqkv, dweights } = headNormBackward(dy, x, weights, sizes, EPS);
    const step = 1e-3;
    for (let i = 0; i < 16; i++) {
      const slope = (loss(moved(x, i, step)) - loss(moved(x, i, -step))) / (2 * step);
      expect(Math.abs(slope - dqkv[i]!)).toBeLessThan(5e-3);
    }
    for (let d = 0; d < 4; d++) {
      const at = (by: number): number => loss(x, { ...weights, q: moved(weights.q, d, by) });
      expect(Math.abs((at(step) - at(-step)) / (2 * step) - dweights.q[d]!)).toBeLessThan(5e-3);
    }
  });
});
