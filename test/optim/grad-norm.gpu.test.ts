// grad_norm: norm, clipping factor and the check for NaN and infinity against the CPU reference, over pools of odd sizes.

import { describe, expect, test } from "vitest";
import type { Recorder, Tensor } from "../../src/gpu/index.ts";
import { gradNorm, gradNormPartials, gradNormReference } from "../../src/optim/grad-norm.ts";
import { expectClose, noise, openRecorder, sharedRecorder, upload, zeros } from "../harness.ts";
import { eachWorkgroupSize, inChunksOf } from "../variants.ts";

/** A tree of about 20 f32 additions, a root of at most 4.5 units in the last place, a division. */
const TOLERANCE = { rtol: 1e-6, atol: 0 };

interface Options {
  readonly maxNorm: number;
  readonly gradScale?: number;
}

/** [norm, scale, isFinite, 0] of the pools on the device. */
async function onDevice(
  recorder: Recorder,
  grads: readonly Tensor[],
  options: Options,
): Promise<Float32Array> {
  // Longer than needed, and full of something else.
  const partial = upload(recorder, noise(gradNormPartials(grads.map(({ shape }) => shape[0]!)) + 100));
  const result = upload(recorder, [7, 7, 7, 7]);
  gradNorm(recorder, { grads, partial, result, ...options });
  return recorder.readF32(result);
}

const asList = (grads: readonly Float32Array[], options: Options): number[] => {
  const { norm, scale, isFinite } = gradNormReference(grads, options.maxNorm, options.gradScale);
  return [norm, scale, isFinite, 0];
};

describe("grad_norm", () => {
  for (const counts of [[1], [63, 65, 257], [4096, 4097, 1, 8191], [150_001]]) {
    test(`of pools of ${counts} equals the reference, clipped and not, scaled and not`, async () => {
      const recorder = await sharedRecorder();
      const grads = counts.map((count, k) => noise(count, k + 2));
      const tensors = grads.map((pool) => upload(recorder, pool));
      await eachWorkgroupSize(recorder, async () => {
        for (const maxNorm of [0.01, 1e9, 0, Infinity]) {
          for (const gradScale of [undefined, 0.125]) {
            const options = { maxNorm, ...(gradScale && { gradScale }) };
            const found = await onDevice(recorder, tensors, options);
            expectClose(
              found,
              asList(grads, options),
              TOLERANCE,
              `maxNorm ${maxNorm} gradScale ${gradScale}`,
            );
          }
        }
      });
    });
  }

  test("of ten million elements of 1e-3 is right to 1e-6", async () => {
    const recorder = await sharedRecorder();
    const pool = upload(recorder, new Float32Array(2_000_003).fill(1e-3));
    // The same pool again and again: the sums do not know.
    const found = await onDevice(
      recorder,
      Array.from({ length: 5 }, () => pool),
      { maxNorm: 1 },
    );
    const norm = Math.fround(1e-3) * Math.sqrt(5 * 2_000_003);
    expect(Math.abs(found[0]! / norm - 1)).toBeLessThan(1e-6);
    expect(Math.abs((found[1]! * (norm + 1e-6)) / 1 - 1)).toBeLessThan(1e-6);
  });

  test("of any NaN or infinity, and of an overflow, is reported as not finite", async () => {
    const recorder = await sharedRecorder();
    const not = [0, 0, 0, 0];
    await eachWorkgroupSize(recorder, async () => {
      for (const bad of [NaN, Infinity, -Infinity, 3e38]) {
        for (const at of [0, 4095, 4096, 5000]) {
          const pool = noise(5001, 5);
          pool[at] = bad;
          const pools = [
            upload(recorder, noise(65, 6)),
            upload(recorder, pool),
            upload(recorder, noise(70, 7)),
          ];
          expect([...(await onDevice(recorder, pools, { maxNorm: 1 }))], `${bad} at ${at}`).toEqual(not);
        }
      }
    });
    // Squares and the sums of all chunks are finite; their sum is finite, and then not.
    const large = upload(recorder, new Float32Array(20 * 4096).fill(5e16));
    expect((await onDevice(recorder, [large], { maxNorm: 1 }))[2]).toBe(1);
    const larger = upload(recorder, new Float32Array(20 * 4096).fill(1e17));
    expect([...(await onDevice(recorder, [larger], { maxNorm: 1 }))]).toEqual(not);
  });

  test("of nothing but zeros is zero, and clips nothing", async () => {
    const recorder = await sharedRecorder();
    expect([...(await onDevice(recorder, [zeros(recorder, [100])], { maxNorm: 1 }))]).toEqual([0, 1, 1, 0]);
  });

  test("is the same to the bit in small chunks and where a pool exceeds a binding", async () => {
    const recorder = await sharedRecorder();
    const grads = [noise(40_000, 8), noise(70_001, 9)];
    const whole = await onDevice(
      recorder,
      grads.map((pool) => upload(recorder, pool)),
      { maxNorm: 1 },
    );
    await inChunksOf(recorder, 20 * 4096 * 3, async () => {
      const cut = await onDevice(
        recorder,
        grads.map((pool) => upload(recorder, pool)),
        { maxNorm: 1 },
      );
      expect([...cut]).toEqual([...whole]);
    });
    const small = await openRecorder({ maxBindingBytes: 3 * 16384 + 100 });
    const sliced = await onDevice(
      small,
      grads.map((pool) => upload(small, pool)),
      { maxNorm: 1 },
    );
    expect([...sliced]).toEqual([...whole]);
    small.gpu.destroy();
  });

  test("refuses a scratch that is too short", async () => {
    const recorder = await sharedRecorder();
    const args = {
      grads: [zeros(recorder, [4097])],
      partial: zeros(recorder, [1]),
      result: zeros(recorder, [4]),
    };
    expect(() => gradNorm(recorder, { ...args, maxNorm: 1 })).toThrow("too short for 2");
  });
});
