// attention: packed batches on the GPU against the CPU reference, packed groups against separate sequences, and the
// reference gradient against finite differences.

import { describe, expect, test } from "vitest";
import type { Recorder } from "../../src/gpu/index.ts";
import type { AttentionSizes, Segment } from "../../src/ops/attention.ts";
import { attention, attentionExtents, attentionReference, attentionTiles } from "../../src/ops/attention.ts";
import { attentionBackward, attentionBackwardReference } from "../../src/ops/attention-backward.ts";
import { expectClose, noise, openRecorder, sharedRecorder, upload, zeros } from "../harness.ts";

// Up to 300 products of numbers below 1, and exp2 of a software adapter (a few 1e-7).
const TOLERANCE = { rtol: 2e-5, atol: 3e-6 };
// Sums over up to 300 queries times 7 heads of terms that cancel.
const GRADIENT_TOLERANCE = { rtol: 1e-4, atol: 2e-5 };

/** Whole sequences of these lengths, one after the other. */
function sequences(...lengths: readonly number[]): Segment[] {
  let start = 0;
  return lengths.map((length) => {
    const at = start;
    start += length;
    return { start: at, end: start, promptStart: at, promptEnd: at, visibleEnd: start };
  });
}

/** A prompt and its responses from token `start` on. */
function group(start: number, prompt: number, responses: readonly number[]): Segment[] {
  const promptEnd = start + prompt;
  const visibleEnd = responses.reduce((a, b) => a + b, promptEnd);
  const segments: Segment[] = [{ start, end: promptEnd, promptStart: start, promptEnd: start, visibleEnd }];
  let at = promptEnd;
  for (const length of responses) {
    segments.push({ start: at, end: at + length, promptStart: start, promptEnd, visibleEnd: at + length });
    at += length;
  }
  return segments;
}

const sizesOf = (heads: number, kvHeads: number, headSize: number): AttentionSizes => ({
  heads,
  kvHeads,
  headSize,
  scale: 1 / Math.sqrt(headSize),
});
const columns = ({ heads, kvHeads, headSize }: AttentionSizes): number => (heads + 2 * kvHeads) * headSize;

async function run(
  recorder: Recorder,
  qkv: Float32Array,
  dOut: Float32Array,
  segments: readonly Segment[],
  sizes: AttentionSizes,
) {
  const tokens = qkv.length / columns(sizes);
  const tiles = attentionTiles(segments);
  const args = {
    ...sizes,
    ...attentionExtents(segments),
    rows: tokens,
    qkv: upload(recorder, qkv),
    dOut: upload(recorder, dOut),
    tiles: upload(recorder, tiles, [tiles.length / 8, 8], "u32"),
    tileCount: tiles.length / 8,
    out: zeros(recorder, [tokens, sizes.heads * sizes.headSize]),
    lse: zeros(recorder, [tokens, sizes.heads]),
    delta: zeros(recorder, [tokens, sizes.heads]),
    // Not zero: every element must be assigned.
    dqkv: upload(recorder, noise(qkv.length, 99)),
  };
  attention(recorder, args);
  attentionBackward(recorder, args);
  return {
    out: await recorder.readF32(args.out),
    lse: await recorder.readF32(args.lse),
    dqkv: await recorder.readF32(args.dqkv),
  };
}

const inputs = (segments: readonly Segment[], sizes: AttentionSizes, seed: number) => {
  const tokens = segments.reduce((most, { end }) => Math.max(most, end), 0);
  return {
    qkv: noise(tokens * columns(sizes), seed).map((x) => 2 * x),
    dOut: noise(tokens * sizes.heads * sizes.headSize, seed + 1),
  };
};

async function expectReference(segments: readonly Segment[], sizes: AttentionSizes): Promise<void> {
  const { qkv, dOut } = inputs(segments, sizes, 7);
  const actual = await run(await sharedRecorder(), qkv, dOut, segments, sizes);
  const { out, lse } = attentionReference(qkv, segments, sizes);
  expectClose(actual.out, out, TOLERANCE, "out");
  expectClose(actual.lse, lse, TOLERANCE, "lse");
  expectClose(
    actual.dqkv,
    attentionBackwardReference(dOut, qkv, segments, sizes),
    GRADIENT_TOLERANCE,
    "dqkv",
  );
}

describe("attention", () => {
  for (const [heads, kvHeads, headSize, lengths] of [
    [1, 1, 16, [1]],
    [2, 1, 32, [63, 1, 65]],
    [4, 2, 64, [33, 32, 31]],
    [7, 1, 64, [17, 40]],
    [2, 2, 80, [35]],
    [2, 1, 128, [3, 34]],
    [2, 1, 36, [5, 33]],
    [2, 2, 16, [257]],
  ] as const) {
    test(`of sequences of ${lengths} tokens, ${heads}/${kvHeads} heads of ${headSize}, equals the reference`, async () => {
      await expectReference(sequences(...lengths), sizesOf(heads, kvHeads, headSize));
    });
  }

  test("of groups with a shared prompt, an empty prompt and a response of one token equals the reference", async () => {
    const segments = [...group(0, 37, [1, 70, 20]), ...group(128, 0, [5, 33]), ...group(166, 64, [3])];
    await expectReference(segments, sizesOf(4, 2, 16));
  });

  test("of a packed group equals separate sequences, and their prompt gradients add up", async () => {
    const sizes = sizesOf(4, 2, 32);
    const [prompt, responses] = [41, [1, 50, 36]];
    const segments = group(0, prompt, responses);
    const { qkv, dOut } = inputs(segments, sizes, 11);
    const recorder = await sharedRecorder();
    // The prompt's own outputs are scored once: with the first sequence.
    const packed = await run(recorder, qkv, dOut, segments, sizes);
    const [inWidth, outWidth] = [columns(sizes), sizes.heads * sizes.headSize];
    const promptGradient = new Float64Array(prompt * inWidth);
    for (const [index, { start, end }] of segments.slice(1).entries()) {
      const join = (data: Float32Array, width: number): Float32Array =>
        Float32Array.from([
          ...data.subarray(0, prompt * width),
          ...data.subarray(start * width, end * width),
        ]);
      const alone = join(dOut, outWidth);
      if (index > 0) alone.fill(0, 0, prompt * outWidth);
      const single = await run(recorder, join(qkv, inWidth), alone, sequences(prompt + end - start), sizes);
      expectClose(single.out, join(packed.out, outWidth), TOLERANCE, "out");
      expectClose(
        single.dqkv.subarray(prompt * inWidth),
        packed.dqkv.subarray(start * inWidth, end * inWidth),
        GRADIENT_TOLERANCE,
        "response",
      );
      for (let i = 0; i < promptGradient.length; i++) promptGradient[i]! += single.dqkv[i]!;
    }
    expectClose(packed.dqkv.subarray(0, prompt * inWidth), promptGradient, GRADIENT_TOLERANCE, "prompt");
  });

  test("gives a group the same bits alone and behind others", async () => {
    const sizes = sizesOf(2, 1, 32);
    const recorder = await sharedRecorder();
    const behind = [
      ...sequences(13, 50),
      ...group(63, 35, [40, 9]),
      ...sequences(200).map((s) => shift(s, 147)),
    ];
    const alone = group(0, 35, [40, 9]);
    const { qkv, dOut } = inputs(behind, sizes, 13);
    const cut = (data: Float32Array, width: number): Float32Array => data.slice(63 * width, 147 * width);
    const [inWidth, outWidth] = [columns(sizes), sizes.heads * sizes.headSize];
    const all = await run(recorder, qkv, dOut, behind, sizes);
    const one = await run(recorder, cut(qkv, inWidth), cut(dOut, outWidth), alone, sizes);
    expect(new Uint32Array(one.out.buffer)).toEqual(new Uint32Array(cut(all.out, outWidth).buffer));
    expect(new Uint32Array(one.lse.buffer)).toEqual(new Uint32Array(cut(all.lse, sizes.heads).buffer));
    expect(new Uint32Array(one.dqkv.buffer)).toEqual(new Uint32Array(cut(all.dqkv, inWidth).buffer));
  });

  test("gives the same bits cut into dispatches of one workgroup", async () => {
    const sizes = sizesOf(2, 1, 32);
    const segments = group(0, 35, [40, 9]);
    const { qkv, dOut } = inputs(segments, sizes, 23);
    const recorder = await openRecorder();
    const whole = await run(recorder, qkv, dOut, segments, sizes);
    Object.defineProperty(recorder.pace, "chunkWork", { value: 1 });
    const before = recorder.gpu.usage.dispatches;
    expect(await run(recorder, qkv, dOut, segments, sizes)).toEqual(whole);
    // 5 tiles: (2 heads forward, 2 heads of dq, 1 key-value head of dk and dv) and delta.
    expect(recorder.gpu.usage.dispatches - before).toBe(5 * (2 + 2 + 1) + 1);
  });

  test("stays finite and right with scores of hundreds", async () => {
    const sizes = { ...sizesOf(2, 1, 16), scale: 100 };
    const segments = sequences(45);
    const { qkv, dOut } = inputs(segments, sizes, 17);
    const { out } = await run(await sharedRecorder(), qkv, dOut, segments, sizes);
    // A score of 2000 rounds by 1e-4, and so does the weight that its exponential gives.
    expectClose(out, attentionReference(qkv, segments, sizes).out, { rtol: 0, atol: 2e-3 }, "out");
  });

  test("tiles start at multiples of the tile within a segment and never straddle two", () => {
    const tiles = attentionTiles(group(10, 5, [3, 0, 9]), 4);
    const rows = Array.from({ length: tiles.length / 8 }, (_, i) => [...tiles.subarray(8 * i, 8 * i + 8)]);
    expect(rows).toEqual([
      [10, 4, 10, 10, 10, 27, 0, 0],
      [14, 1, 10, 10, 10, 27, 0, 0],
      [15, 3, 10, 15, 15, 18, 0, 0],
      [18, 4, 10, 15, 18, 27, 0, 0],
      [22, 4, 10, 15, 18, 27, 0, 0],
      [26, 1, 10, 15, 18, 27, 0, 0],
    ]);
  });

  test("extents are the means over tiles of what the kernels walk", () => {
    // Prompt of 40 (2 tiles), responses of 32 and 1: keys 32, 40, 72, 41; queries 73, 41, 32, 1.
    const { meanKeys, meanQueries } = attentionExtents(group(0, 40, [32, 1]));
    expect([meanKeys, meanQueries]).toEqual([185 / 4, 147 / 4]);
  });

  test("refuses head sizes that the kernels do not take", async () => {
    const recorder = await sharedRecorder();
    const tensor = zeros(recorder, [4]);
    const args = { qkv: tensor, tiles: tensor, out: tensor, lse: tensor, tileCount: 1 };
    expect(() => attention(recorder, { ...args, ...sizesOf(2, 1, 18) })).toThrow("head size is 18");
    expect(() => attention(recorder, { ...args, ...sizesOf(2, 1, 132) })).toThrow("head size is 132");
    expect(() => attention(recorder, { ...args, ...sizesOf(3, 2, 16) })).toThrow("3 heads for 2");
  });

  test("the reference gradient equals finite differences", () => {
    const sizes = sizesOf(2, 1, 4);
    const segments = [...group(0, 2, [2, 1]), ...sequences(2).map((s) => shift(s, 5))];
    const { qkv, dOut } = inputs(segments, sizes, 19);
    const loss = (x: Float32Array): number =>
      attentionReference(x, segments, sizes).out.reduce((sum, y, i) => sum + y * dOut[i]!, 0);
    const gradient = attentionBackwardReference(dOut, qkv, segments, sizes);
    for (let i = 0; i < qkv.length; i++) {
      const [up, down] = [qkv.slice(), qkv.slice()];
      up[i]! += 1e-2;
      down[i]! -= 1e-2;
      expect(Math.abs((loss(up) - loss(down)) / 2e-2 - gradient[i]!)).toBeLessThan(1e-3);
    }
  });
});

/** `segment` moved by `by` tokens. */
const shift = ({ start, end, promptStart, promptEnd, visibleEnd }: Segment, by: number): Segment => ({
  start: start + by,
  end: end + by,
  promptStart: promptStart + by,
  promptEnd: promptEnd + by,
  visibleEnd: visibleEnd + by,
});
