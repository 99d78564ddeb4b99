// swiglu: GPU against the CPU reference at odd sizes and extreme gates, and the reference against finite differences.

import { describe, expect, test } from "vitest";
import { swiglu, swigluBackward, swigluForward, swigluGradient } from "../../src/ops/swiglu.ts";
import { expectClose, noise, sharedRecorder, upload, zeros } from "../harness.ts";
import { eachWorkgroupSize, inChunksOf } from "../variants.ts";

// WGSL allows exp(-|g|) an error of 3 + 2 |g| units in the last place: 19 at the largest gate here, 8.
const TOLERANCE = { rtol: 3e-6, atol: 3e-7 };

/** gateUp [rows,2I] with gates in [-8, 8) and ups in [-1, 1). */
const someGateUp = (rows: number, size: number, seed: number): Float32Array =>
  noise(rows * 2 * size, seed).map((value, i) => (i % (2 * size) < size ? 8 * value : value));

describe("swiglu", () => {
  for (const [rows, size] of [
    [1, 1],
    [65, 63],
    [3, 257],
    [2, 4864],
    [70000, 3],
  ] as const) {
    test(`forward and backward of [${rows},2 x ${size}] equal the reference`, async () => {
      const recorder = await sharedRecorder();
      const gateUp = someGateUp(rows, size, 1);
      const dy = noise(rows * size, 2);
      const shape = { rows, intermediateSize: size };
      await eachWorkgroupSize(recorder, async () => {
        const gateUpTensor = upload(recorder, gateUp, [rows, 2 * size]);
        const y = zeros(recorder, [rows, size]);
        swiglu(recorder, { gateUp: gateUpTensor, y, ...shape });
        expectClose(await recorder.readF32(y), swigluForward(gateUp, size), TOLERANCE, "y");
        const dGateUp = upload(recorder, noise(rows * 2 * size, 3), [rows, 2 * size]);
        swigluGradient(recorder, { gateUp: gateUpTensor, dy: upload(recorder, dy), dGateUp, ...shape });
        expectClose(await recorder.readF32(dGateUp), swigluBackward(gateUp, dy, size), TOLERANCE, "dGateUp");
      });
    });
  }

  test("small chunks change nothing", async () => {
    const recorder = await sharedRecorder();
    const [rows, size] = [19, 700];
    const gateUp = someGateUp(rows, size, 4);
    const y = zeros(recorder, [rows, size]);
    await inChunksOf(recorder, 20 * 5000, async () => {
      swiglu(recorder, { gateUp: upload(recorder, gateUp), y, rows, intermediateSize: size });
      expectClose(await recorder.readF32(y), swigluForward(gateUp, size), TOLERANCE, "y");
    });
  });

  test("stays finite and right for huge gates of either sign", async () => {
    const recorder = await sharedRecorder();
    const gates = [-1e30, -1000, -104, -88, -20, -0, 0, 20, 88, 104, 1000, 1e30];
    const size = gates.length;
    const gateUp = Float32Array.from([...gates, ...gates.map((_, i) => 1 + i / 8)]);
    const dy = new Float32Array(size).fill(0.5);
    const gateUpTensor = upload(recorder, gateUp);
    const y = zeros(recorder, [size]);
    const dGateUp = zeros(recorder, [2 * size]);
    swiglu(recorder, { gateUp: gateUpTensor, y, rows: 1, intermediateSize: size });
    swigluGradient(recorder, {
      gateUp: gateUpTensor,
      dy: upload(recorder, dy),
      dGateUp,
      rows: 1,
      intermediateSize: size,
    });
    // exp(-20) may be off by 43 units in the last place; below 1e-30 a device may flush to zero.
    const tolerance = { rtol: 5e-6, atol: 1e-30 };
    expectClose(await recorder.readF32(y), swigluForward(gateUp, size), tolerance, "y");
    expectClose(await recorder.readF32(dGateUp), swigluBackward(gateUp, dy, size), tolerance, "dGateUp");
  });

  test("the reference gradient equals finite differences on 4 x 7", () => {
    const gateUp = noise(56, 5).map((value) => 3 * value);
    const dy = noise(28, 6);
    const loss = (v: Float32Array): number => swigluForward(v, 7).reduce((sum, y, i) => sum + y * dy[i]!, 0);
    const gradient = swigluBackward(gateUp, dy, 7);
    const step = 2 ** -6;
    for (let i = 0; i < 56; i++) {
      const up = gateUp.slice();
      const down = gateUp.slice();
      up[i]! += step;
      down[i]! -= step;
      // step^2 / 6 times a third derivative below 3, and f32 rounding of y divided by the step.
      expect(Math.abs((loss(up) - loss(down)) / (2 * step) - gradient[i]!)).toBeLessThan(2e-4);
    }
  });
});
