// logprob: the running state over chunks against softmax in double precision, its gradient, and the reference against
// finite differences.

import { describe, expect, test } from "vitest";
import type { LogitsBlock } from "../../src/ops/logprob.ts";
import {
  logprobAccumulate,
  logprobBackwardReference,
  logprobChunkBackward,
  logprobFinish,
  logprobReference,
} from "../../src/ops/logprob.ts";
import { expectClose, noise, sharedRecorder, upload, zeros } from "../harness.ts";

// Logits up to 30: half a unit in the last place is 1e-6, and the result is a difference of two such numbers.
const TOLERANCE = { rtol: 0, atol: 1e-5 };

/** One-hot channels: x = z and weight = identity make the reference's logits equal z [R,V] itself. */
function identity(vocab: number): Float32Array {
  const weight = new Float32Array(vocab * vocab);
  for (let v = 0; v < vocab; v++) weight[v * vocab + v] = 1;
  return weight;
}

/** What the reference gives for logits z [R,V], worked out without a weight matrix. */
function direct(
  z: Float32Array,
  targets: readonly number[],
): { logProb: number[]; lse: number[]; entropy: number[] } {
  const vocab = z.length / targets.length;
  const result = { logProb: [] as number[], lse: [] as number[], entropy: [] as number[] };
  targets.forEach((target, r) => {
    const row = z.subarray(r * vocab, (r + 1) * vocab);
    let top = -Infinity;
    for (const value of row) top = Math.max(top, value);
    let [s, t] = [0, 0];
    for (const value of row) {
      s += Math.exp(value - top);
      t += Math.exp(value - top) * (value - top);
    }
    result.logProb.push(row[target]! - top - Math.log(s));
    result.lse.push(top + Math.log(s));
    result.entropy.push(Math.log(s) - t / s);
  });
  return result;
}

/** Blocks of `columns` of logits [rows,vocab] that lie in one buffer. */
function blocksOf(rows: number, vocab: number, columns: number): LogitsBlock[] {
  return Array.from({ length: Math.ceil(vocab / columns) }, (_, i) => {
    const column = i * columns;
    return { row: 0, rows, column, columns: Math.min(columns, vocab - column), start: column, stride: vocab };
  });
}

/** Runs the forward over z [R,V] in blocks of `columns`. */
async function forward(z: Float32Array, targetList: readonly number[], columns: number) {
  const recorder = await sharedRecorder();
  const rows = targetList.length;
  const vocab = z.length / rows;
  const logits = upload(recorder, z, [rows, vocab]);
  const targets = upload(recorder, targetList, [rows], "u32");
  const state = upload(recorder, new Float32Array(4 * rows).fill(99), [rows, 4]);
  const [logProb, lse, entropy] = [zeros(recorder, [rows]), zeros(recorder, [rows]), zeros(recorder, [rows])];
  const blocks = blocksOf(rows, vocab, columns);
  blocks.forEach((block, i) =>
    logprobAccumulate(recorder, { logits, block, targets, state, isFirst: i === 0 }),
  );
  logprobFinish(recorder, { state, logProb, lse, entropy, rows });
  return { recorder, logProb, lse, entropy };
}

describe("logprob", () => {
  for (const [rows, vocab, columns] of [
    [1, 1, 1],
    [3, 63, 10],
    [65, 257, 100],
    [7, 5003, 5003],
    [2, 151936, 16384],
  ] as const) {
    test(`of ${rows} rows over ${vocab} logits in chunks of ${columns} equals the reference`, async () => {
      const z = noise(rows * vocab, rows + vocab).map((x) => 30 * x);
      const targets = Array.from({ length: rows }, (_, r) => (r * 7919 + vocab - 1) % vocab);
      const { recorder, logProb, lse, entropy } = await forward(z, targets, columns);
      const expected = direct(z, targets);
      expectClose(await recorder.readF32(logProb), expected.logProb, TOLERANCE, "logProb");
      expectClose(await recorder.readF32(lse), expected.lse, TOLERANCE, "lse");
      expectClose(await recorder.readF32(entropy), expected.entropy, TOLERANCE, "entropy");
    });
  }

  test("of almost equal logits is exact to 1e-5 over 152k of them", async () => {
    const vocab = 151936;
    const z = noise(vocab, 1).map((x) => 20 + 0.01 * x);
    const { recorder, logProb, entropy } = await forward(z, [5], 4096);
    const expected = direct(z, [5]);
    expectClose(await recorder.readF32(logProb), expected.logProb, TOLERANCE, "logProb");
    expectClose(await recorder.readF32(entropy), expected.entropy, TOLERANCE, "entropy");
  });

  test("of one overwhelming logit has log-probability 0 and entropy 0, and its rival a finite one", async () => {
    const z = new Float32Array(2 * 300).fill(-1000);
    z[77] = z[300 + 77] = 1000;
    const { recorder, logProb, entropy } = await forward(z, [77, 78], 64);
    expect([...(await recorder.readF32(logProb))]).toEqual([0, -2000]);
    expect([...(await recorder.readF32(entropy))].map(Math.abs)).toEqual([0, 0]);
  });

  for (const [rows, vocab, columns] of [
    [1, 1, 1],
    [3, 63, 20],
    [65, 257, 257],
    [5, 5003, 2500],
    [70000, 3, 2],
  ] as const) {
    test(`backward of ${rows} rows over ${vocab} logits in chunks of ${columns} equals the reference`, async () => {
      const temperature = 0.7;
      const z = noise(rows * vocab, vocab).map((x) => 10 * x);
      const targetList = Array.from({ length: rows }, (_, r) => (r * 7919) % vocab);
      const recorder = await sharedRecorder();
      const { lse, entropy } = direct(z, targetList);
      const dLogProb = noise(rows, 5);
      const dEntropy = noise(rows, 6);
      const tensors = {
        logits: upload(recorder, z, [rows, vocab]),
        targets: upload(recorder, targetList, [rows], "u32"),
        lse: upload(recorder, lse),
        entropy: upload(recorder, entropy),
        dLogProb: upload(recorder, dLogProb),
        dEntropy: upload(recorder, dEntropy),
      };
      for (const block of blocksOf(rows, vocab, columns)) {
        logprobChunkBackward(recorder, { ...tensors, block, temperature });
      }
      const expected = z.map((value, i) => {
        const r = Math.floor(i / vocab);
        const logP = value - lse[r]!;
        const hit = i % vocab === targetList[r] ? 1 : 0;
        return (
          (dLogProb[r]! * (hit - Math.exp(logP)) - dEntropy[r]! * Math.exp(logP) * (logP + entropy[r]!)) /
          temperature
        );
      });
      // p is exact to 1e-6 of itself, and multiplied by log p + H, at most 20.
      expectClose(await recorder.readF32(tensors.logits), expected, { rtol: 1e-5, atol: 3e-6 }, "dz");
    });
  }

  test("the reference gives softmax for an identity weight, and divides by the temperature", () => {
    const z = noise(4 * 7, 3).map((x) => 3 * x);
    const scaled = direct(
      z.map((x) => x / 2),
      [0, 6, 3, 3],
    );
    const reference = logprobReference(z, identity(7), [0, 6, 3, 3], 2);
    for (const name of ["logProb", "lse", "entropy"] as const)
      expectClose(reference[name], scaled[name], { rtol: 1e-6, atol: 1e-6 }, name);
  });

  test("the reference gradient equals finite differences on 4 x 7 with 5 tokens", () => {
    const [x, weight] = [noise(28, 1), noise(35, 2)];
    const targets = [0, 4, 2, 2];
    const [dLogProb, dEntropy] = [noise(4, 3), noise(4, 4)];
    const loss = (a: Float32Array, w: Float32Array): number => {
      const { logProb, entropy } = logprobReference(a, w, targets, 0.7);
      return logProb.reduce((sum, value, r) => sum + value * dLogProb[r]! + entropy[r]! * dEntropy[r]!, 0);
    };
    const { dx, dweight } = logprobBackwardReference(x, weight, targets, 0.7, dLogProb, dEntropy);
    const step = 1e-2;
    const moved = (values: Float32Array, i: number, by: number): Float32Array =>
      values.map((value, j) => (j === i ? value + by : value));
    for (let i = 0; i < 28; i++) {
      expect((loss(moved(x, i, step), weight) - loss(moved(x, i, -step), weight)) / (2 * step)).toBeCloseTo(
        dx[i]!,
        3,
      );
    }
    for (let i = 0; i < 35; i++) {
      expect((loss(x, moved(weight, i, step)) - loss(x, moved(weight, i, -step))) / (2 * step)).toBeCloseTo(
        dweight[i]!,
        3,
      );
    }
  });
});
