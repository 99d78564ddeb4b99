// embedding: look-up and gradient against the CPU reference, for whole tables, shards and both storages.

import { describe, expect, test } from "vitest";
import { roundF16 } from "../../src/common/f16.ts";
import {
  embedding,
  embeddingBackward,
  embeddingForward,
  embeddingGradient,
  groupByToken,
} from "../../src/ops/embedding.ts";
import { expectClose, noise, sharedRecorder, storedAs, upload, zeros } from "../harness.ts";
import { eachWorkgroupSize, inChunksOf } from "../variants.ts";

/** A copy must be exact. */
const EXACT = { rtol: 0, atol: 0 };
/** Sums of up to 70,000 / 13 values of size 1 in f32, one after the other. */
const SUMS = { rtol: 1e-5, atol: 1e-4 };

/** `count` ids below `vocabulary`. */
const someIds = (count: number, vocabulary: number, seed: number): number[] =>
  Array.from(noise(count, seed), (value) => Math.floor((value + 1) * 0.5 * vocabulary));

const CASES = [
  [1, 1, 1],
  [63, 7, 65],
  [65, 300, 63],
  [257, 11, 257],
  [70000, 13, 2],
] as const;

describe("embedding", () => {
  test.each(["q4", "q4z"] as const)("looks up in a table of blocks, %s", async (type) => {
    const recorder = await sharedRecorder();
    const [rows, vocabulary, channels] = [37, 21, 96];
    const ids = someIds(rows, vocabulary, 1);
    const table = noise(vocabulary * channels, 2);
    const weight = upload(recorder, table, [vocabulary, channels], type);
    const y = zeros(recorder, [rows, channels]);
    const places = { ids: upload(recorder, ids, [rows], "u32"), idStride: 1, idOffset: 0 };
    embedding(recorder, { ...places, weight, y, rowStart: 0, rowCount: vocabulary, rows, channels });
    const expected = embeddingForward(ids, storedAs(table, channels, type), channels);
    expectClose(await recorder.readF32(y), expected, EXACT);
  });

  for (const [rows, vocabulary, channels] of CASES) {
    test(`looks up and sums [${rows},${channels}] in a table of ${vocabulary} rows as the reference does`, async () => {
      const recorder = await sharedRecorder();
      const ids = someIds(rows, vocabulary, 1);
      const weight = noise(vocabulary * channels, 2);
      const dy = noise(rows * channels, 3);
      const groups = groupByToken(ids);
      const idsTensor = upload(recorder, ids, [rows], "u32");
      const weights = [
        { tensor: upload(recorder, weight, [vocabulary, channels]), values: weight },
        { tensor: upload(recorder, weight, [vocabulary, channels], "f16"), values: roundF16(weight) },
      ];
      const grouped = {
        ids: upload(recorder, groups.ids, [groups.ids.length], "u32"),
        starts: upload(recorder, groups.starts, [groups.starts.length], "u32"),
        order: upload(recorder, groups.order, [rows], "u32"),
        uniqueCount: groups.ids.length,
      };
      const shard = { rowStart: 0, rowCount: vocabulary, rows, channels };
      await eachWorkgroupSize(recorder, async () => {
        for (const { tensor, values } of weights) {
          const y = zeros(recorder, [rows, channels]);
          embedding(recorder, { ids: idsTensor, idStride: 1, idOffset: 0, weight: tensor, y, ...shard });
          expectClose(
            await recorder.readF32(y),
            embeddingForward(ids, values, channels),
            EXACT,
            `y ${tensor.type}`,
          );
        }
        const dweight = upload(recorder, weight);
        embeddingGradient(recorder, { dy: upload(recorder, dy), ...grouped, dweight, ...shard });
        const sums = embeddingBackward(dy, ids, vocabulary, channels).map((sum, i) => sum + weight[i]!);
        expectClose(await recorder.readF32(dweight), sums, SUMS, "dweight");
      });
    });
  }

  test("in shards, with strided ids and small chunks, gives what one table gives", async () => {
    const recorder = await sharedRecorder();
    const [rows, vocabulary, channels, cut] = [129, 40, 33, 17];
    const ids = someIds(rows, vocabulary, 4);
    // Token n in column 1 of records of 3.
    const records = new Uint32Array(3 * rows).fill(4_000_000_000);
    ids.forEach((id, n) => (records[3 * n + 1] = id));
    const table = noise(vocabulary * channels, 5);
    const dy = noise(rows * channels, 6);
    const groups = groupByToken(ids);
    const y = zeros(recorder, [rows, channels]);
    const gradient = new Float32Array(vocabulary * channels);
    await inChunksOf(recorder, 20 * channels * 10, async () => {
      for (const [rowStart, rowEnd] of [
        [0, cut],
        [cut, vocabulary],
      ] as const) {
        const shard = { rowStart, rowCount: rowEnd - rowStart, rows, channels };
        const shape = [shard.rowCount, channels];
        const weight = upload(recorder, table.slice(rowStart * channels, rowEnd * channels), shape, "f16");
        const idsTensor = upload(recorder, records, [3 * rows], "u32");
        embedding(recorder, { ids: idsTensor, idStride: 3, idOffset: 1, weight, y, ...shard });
        const dweight = zeros(recorder, shape);
        embeddingGradient(recorder, {
          dy: upload(recorder, dy),
          ids: upload(recorder, groups.ids, [groups.ids.length], "u32"),
          starts: upload(recorder, groups.starts, [groups.starts.length], "u32"),
          order: upload(recorder, groups.order, [rows], "u32"),
          uniqueCount: groups.ids.length,
          dweight,
          ...shard,
        });
        gradient.set(await recorder.readF32(dweight), rowStart * channels);
      }
    });
    expectClose(await recorder.readF32(y), embeddingForward(ids, roundF16(table), channels), EXACT, "y");
    expectClose(gradient, embeddingBackward(dy, ids, vocabulary, channels), SUMS, "dweight");
  });

  test("groups tokens by id, ascending, with indices in order", () => {
    const groups = groupByToken([7, 3, 151_935, 3, 7, 7, 0]);
    expect([...groups.ids]).toEqual([0, 3, 7, 151_935]);
    expect([...groups.starts]).toEqual([0, 1, 3, 6, 7]);
    expect([...groups.order]).toEqual([6, 1, 3, 0, 4, 5, 2]);
    expect([...groupByToken([]).starts]).toEqual([0]);
  });

  test("the reference gradient equals finite differences on a table of 4 x 7", () => {
    const ids = [2, 0, 2, 3, 2];
    const weight = noise(28, 7);
    const dy = noise(35, 8);
    const loss = (w: Float32Array): number =>
      embeddingForward(ids, w, 7).reduce((sum, y, i) => sum + y * dy[i]!, 0);
    const gradient = embeddingBackward(dy, ids, 4, 7);
    for (let i = 0; i < 28; i++) {
      const up = weight.slice();
      const down = weight.slice();
      up[i]! += 0.5;
      down[i]! -= 0.5;
      // Linear: only f32 rounding of the weights is left.
      expect(Math.abs(loss(up) - loss(down) - gradient[i]!)).toBeLessThan(1e-5);
    }
  });
});
