// value_head: forward and both gradients against the CPU references, at odd sizes, and the reference against finite differences.

import { describe, expect, test } from "vitest";
import {
  valueHead,
  valueHeadBackwardReference,
  valueHeadGradient,
  valueHeadReference,
} from "../../src/ops/value-head.ts";
import { expectClose, noise, sharedRecorder, upload } from "../harness.ts";
import { eachWorkgroupSize, inChunksOf } from "../variants.ts";

/** Roundings of n partial sums of size sqrt(n) add up, with random signs, to n times a small part of 2^-24. */
const sums = (terms: number) => ({ rtol: 1e-5, atol: 1e-6 + 1e-8 * terms });

async function check(rows: number, channels: number): Promise<number[]> {
  const recorder = await sharedRecorder();
  const [x, weight, dValue] = [noise(rows * channels, 1), noise(channels, 2), noise(rows, 3)];
  // Values and dx hold something else before: they are assigned. The gradients of the head are added to.
  const before = noise(channels, 6);
  const [value, dx] = [upload(recorder, noise(rows, 4)), upload(recorder, noise(rows * channels, 5))];
  const dWeight = upload(recorder, before, [1, channels]);
  const dBias = upload(recorder, [0.5]);
  const shared = { x: upload(recorder, x), weight: upload(recorder, weight, [1, channels]), rows, channels };
  valueHead(recorder, { ...shared, bias: upload(recorder, [0.25]), value });
  valueHeadGradient(recorder, { ...shared, dValue: upload(recorder, dValue), dx, dWeight, dBias });
  const wanted = valueHeadBackwardReference(x, weight, dValue);
  const found = [value, dx, dWeight, dBias].map((tensor) => recorder.readF32(tensor));
  const [values, back, weights, bias] = await Promise.all(found);
  expectClose(values!, valueHeadReference(x, weight, 0.25), sums(channels), "value");
  expectClose(back!, wanted.dx, { rtol: 1e-6, atol: 0 }, "dx");
  expectClose(
    weights!,
    wanted.dWeight.map((d, c) => d + before[c]!),
    sums(rows),
    "dWeight",
  );
  expectClose(bias!, [wanted.dBias + 0.5], sums(rows), "dBias");
  return [values!, back!, weights!, bias!].flatMap((list) => [...list]);
}

describe("the value head", () => {
  test.each([
    [1, 1],
    [63, 65],
    [65, 7],
    [257, 63],
    [3, 896],
  ])("agrees with the reference on %i rows of %i channels", async (rows, channels) => {
    const recorder = await sharedRecorder();
    await eachWorkgroupSize(recorder, async () => void (await check(rows, channels)));
  });

  test("more rows than a dispatch has in one dimension", async () => void (await check(66_000, 2)));

  test("small chunks change no bit, and no run differs from another", async () => {
    const recorder = await sharedRecorder();
    const whole = await check(65, 33);
    expect(await check(65, 33)).toEqual(whole);
    await inChunksOf(recorder, 20 * 33 * 7, async () => expect(await check(65, 33)).toEqual(whole));
  });

  test("the reference gradient equals finite differences on 4 x 7", () => {
    const [x, weight, dValue] = [noise(28, 1), noise(7, 2), noise(4, 3)];
    const { dx, dWeight, dBias } = valueHeadBackwardReference(x, weight, dValue);
    const loss = (xs: Float32Array, ws: Float32Array, bias: number): number =>
      valueHeadReference(xs, ws, bias).reduce((sum, value, r) => sum + value * dValue[r]!, 0);
    const nudged = (list: Float32Array, i: number, by: number): Float32Array =>
      list.map((value, k) => (k === i ? value + by : value));
    // Linear in each: only f32 rounding is left.
    for (let i = 0; i < 28; i++)
      expect(loss(nudged(x, i, 0.5), weight, 0) - loss(nudged(x, i, -0.5), weight, 0)).toBeCloseTo(dx[i]!, 5);
    for (let c = 0; c < 7; c++)
      expect(loss(x, nudged(weight, c, 0.5), 0) - loss(x, nudged(weight, c, -0.5), 0)).toBeCloseTo(
        dWeight[c]!,
        5,
      );
    expect(loss(x, weight, 0.5) - loss(x, weight, -0.5)).toBeCloseTo(dBias, 5);
  });
});
