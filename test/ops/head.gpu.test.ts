// The head: chunks, shards and both weight types against the CPU reference, forward and backward.

import { describe, expect, test } from "vitest";
import { roundF16 } from "../../src/common/f16.ts";
import type { HeadBackwardArgs, HeadShard } from "../../src/ops/head.ts";
import { headBackward, headChunks, headForward } from "../../src/ops/head.ts";
import { logprobBackwardReference, logprobReference } from "../../src/ops/logprob.ts";
import { expectClose, noise, sharedRecorder, upload, zeros } from "../harness.ts";

// Logits up to 30 are sums of up to 96 products in f32.
const FORWARD = { rtol: 0, atol: 2e-5 };
// Gradients are sums over up to 1,300 tokens or 65 rows of products with an error of 1e-5 of their size.
const BACKWARD = { rtol: 1e-4, atol: 2e-5 };

interface Case {
  readonly rows: number;
  readonly channels: number;
  readonly vocab: number;
  /** Tokens in each shard. */
  readonly cuts: readonly number[];
  /** Elements of the scratch. */
  readonly elements: number;
  readonly type: "f32" | "f16";
}

const CASES: Record<string, Case> = {
  "one row, one token": { rows: 1, channels: 4, vocab: 1, cuts: [1], elements: 1, type: "f32" },
  "all logits at once": { rows: 5, channels: 8, vocab: 63, cuts: [63], elements: 315, type: "f32" },
  "all logits of two shards at once": {
    rows: 65,
    channels: 12,
    vocab: 257,
    cuts: [128, 129],
    elements: 65 * 257,
    type: "f32",
  },
  "all logits at once, too many for one product": {
    rows: 3,
    channels: 2048,
    vocab: 2001,
    cuts: [2001],
    elements: 3 * 2001,
    type: "f32",
  },
  "one logit at a time": { rows: 2, channels: 4, vocab: 5, cuts: [2, 3], elements: 1, type: "f32" },
  "rows in blocks, columns whole": {
    rows: 33,
    channels: 8,
    vocab: 200,
    cuts: [200],
    elements: 10 * 200,
    type: "f32",
  },
  "columns in blocks": { rows: 7, channels: 96, vocab: 1300, cuts: [1300], elements: 7 * 600, type: "f32" },
  "rows and columns in blocks, three shards of halves": {
    rows: 65,
    channels: 20,
    vocab: 1300,
    cuts: [500, 500, 300],
    elements: 20_000,
    type: "f16",
  },
};

/** Random inputs of a case on the device and on the host. */
async function setUp({ rows, channels, vocab, cuts, elements, type }: Case) {
  const recorder = await sharedRecorder();
  // Small where there are many channels: the error of a logit grows with the sum of its terms' sizes.
  const size = channels > 100 ? 0.2 : 3;
  const x = noise(rows * channels, 1).map((value) => size * value);
  const weight = type === "f16" ? roundF16(noise(vocab * channels, 2)) : noise(vocab * channels, 2);
  const targets = Array.from({ length: rows }, (_, r) => (r * 7919 + vocab - 1) % vocab);
  const [dLogProb, dEntropy] = [noise(rows, 3), noise(rows, 4)];
  let rowStart = 0;
  const shards: HeadShard[] = cuts.map((rowCount) => {
    const part = weight.slice(rowStart * channels, (rowStart + rowCount) * channels);
    const shard = {
      weight: upload(recorder, part, [rowCount, channels], type),
      rowStart,
      rowCount,
      dweight: zeros(recorder, [rowCount, channels]),
    };
    rowStart += rowCount;
    return shard;
  });
  const perRow = () => upload(recorder, new Float32Array(rows).fill(77));
  const args: HeadBackwardArgs = {
    x: upload(recorder, x, [rows, channels]),
    shards,
    targets: upload(recorder, targets, [rows], "u32"),
    logits: zeros(recorder, [elements]),
    state: zeros(recorder, [rows, 4]),
    logProb: perRow(),
    lse: perRow(),
    entropy: perRow(),
    dLogProb: upload(recorder, dLogProb),
    dEntropy: upload(recorder, dEntropy),
    dx: upload(recorder, new Float32Array(rows * channels).fill(77), [rows, channels]),
    rows,
    channels,
    vocab,
    temperature: 0.7,
    logitsResident: false,
  };
  const expected = {
    ...logprobReference(x, weight, targets, 0.7),
    ...logprobBackwardReference(x, weight, targets, 0.7, dLogProb, dEntropy),
  };
  const readWeightGradient = async (): Promise<Float32Array> => {
    const parts = await Promise.all(shards.map(({ dweight }) => recorder.readF32(dweight!)));
    return Float32Array.from(parts.flatMap((part) => [...part]));
  };
  return { recorder, args, expected, readWeightGradient };
}

describe("head", () => {
  for (const [name, options] of Object.entries(CASES)) {
    test(`${name}: forward and backward equal the reference`, async () => {
      const { recorder, args, expected, readWeightGradient } = await setUp(options);
      const { logitsResident } = headForward(recorder, args);
      expect(logitsResident).toBe(options.rows * options.vocab <= options.elements);
      headBackward(recorder, { ...args, logitsResident });
      for (const what of ["logProb", "lse", "entropy"] as const) {
        expectClose(await recorder.readF32(args[what]), expected[what], FORWARD, what);
      }
      expectClose(await recorder.readF32(args.dx), expected.dx, BACKWARD, "dx");
      expectClose(await readWeightGradient(), expected.dweight, BACKWARD, "dweight");
    });
  }

  test("resident logits give the gradient that recomputed ones give, to the bit", async () => {
    const { recorder, args } = await setUp(CASES["all logits of two shards at once"]!);
    headForward(recorder, args);
    headBackward(recorder, { ...args, logitsResident: true });
    const resident = await recorder.readF32(args.dx);
    headBackward(recorder, { ...args, logitsResident: false });
    expect(await recorder.readF32(args.dx)).toEqual(resident);
  });

  test("weight gradients add up over calls; frozen shards get none", async () => {
    const { recorder, args, expected, readWeightGradient } = await setUp(CASES["columns in blocks"]!);
    headForward(recorder, args);
    headBackward(recorder, args);
    headBackward(recorder, args);
    const twice = expected.dweight.map((value) => 2 * value);
    expectClose(await readWeightGradient(), twice, BACKWARD, "dweight");
    const frozen = args.shards.map(({ weight, rowStart, rowCount }) => ({ weight, rowStart, rowCount }));
    headBackward(recorder, { ...args, shards: frozen });
    expectClose(await readWeightGradient(), twice, BACKWARD, "dweight");
    expectClose(await recorder.readF32(args.dx), expected.dx, BACKWARD, "dx");
  });

  test("without rows nothing is recorded", async () => {
    const { recorder, args } = await setUp(CASES["all logits at once"]!);
    const before = recorder.gpu.usage.dispatches;
    expect(headForward(recorder, { ...args, rows: 0 })).toEqual({ logitsResident: false });
    headBackward(recorder, { ...args, rows: 0 });
    expect(recorder.gpu.usage.dispatches).toBe(before);
  });
});

describe("headChunks", () => {
  test("prefers all rows, then wide columns, and never exceeds the scratch", () => {
    expect(headChunks(100, 1000, 100_000)).toEqual({ rows: 100, columns: 1000 });
    expect(headChunks(2048, 151_936, 2 ** 24)).toEqual({ rows: 2048, columns: 8192 });
    expect(headChunks(2048, 151_936, 2 ** 19)).toEqual({ rows: 1024, columns: 512 });
    expect(headChunks(3, 151_936, 2 ** 17)).toEqual({ rows: 3, columns: 43_648 });
    expect(headChunks(9, 100, 50)).toEqual({ rows: 1, columns: 50 });
    expect(() => headChunks(1, 1, 0)).toThrow("at least one logit");
    expect(headChunks(100, 1000, 100_000, 300)).toEqual({ rows: 100, columns: 256 });
    for (let elements = 1; elements < 3000; elements += 7) {
      const { rows, columns } = headChunks(13, 300, elements);
      expect(rows * columns).toBeLessThanOrEqual(elements);
      expect(Math.min(rows, columns)).toBeGreaterThan(0);
    }
  });
});
