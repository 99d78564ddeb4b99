// rows: gather and scatter against the CPU references, with rows picked never, once and often.

import { describe, expect, test } from "vitest";
import {
  gatherRows,
  gatherRowsReference,
  groupByRow,
  scatterRows,
  scatterRowsReference,
} from "../../src/ops/rows.ts";
import { expectClose, noise, sharedRecorder, upload } from "../harness.ts";
import { eachWorkgroupSize, inChunksOf } from "../variants.ts";

const EXACT = { rtol: 0, atol: 0 };
/** n roundings of partial sums of size sqrt(n) add up, with random signs, to n times a small part of 2^-24. */
const sums = (picks: number) => ({ rtol: 1e-6, atol: 1e-6 + 1e-8 * picks });

/** `picks` rows below `rows`; a third of them row 0, as the last prompt row of a group is. */
const someIndex = (picks: number, rows: number): number[] =>
  Array.from(noise(picks, 9), (value, r) => (r % 3 === 1 ? 0 : Math.floor((value + 1) * 0.5 * rows)));

async function check(rows: number, picks: number, channels: number): Promise<void> {
  const recorder = await sharedRecorder();
  const index = someIndex(picks, rows);
  const { starts, order } = groupByRow(index, rows);
  const x = noise(rows * channels, 1);
  const dy = noise(picks * channels, 2);
  // Outputs hold something else before: both are assigned.
  const y = upload(recorder, noise(picks * channels, 3), [picks, channels]);
  const dx = upload(recorder, noise(rows * channels, 4), [rows, channels]);
  gatherRows(recorder, {
    x: upload(recorder, x),
    index: upload(recorder, index, [picks], "u32"),
    y,
    rows: picks,
    channels,
  });
  scatterRows(recorder, {
    dy: upload(recorder, dy),
    starts: upload(recorder, starts, [rows + 1], "u32"),
    order: upload(recorder, order, [picks], "u32"),
    dx,
    rows,
    channels,
  });
  expectClose(await recorder.readF32(y), gatherRowsReference(x, index, channels), EXACT, "y");
  expectClose(await recorder.readF32(dx), scatterRowsReference(dy, index, rows, channels), sums(picks), "dx");
}

describe("rows", () => {
  for (const [rows, picks, channels] of [
    [1, 1, 1],
    [65, 63, 257],
    [257, 900, 65],
    [63, 5, 63],
    [70000, 66000, 1],
  ] as const) {
    test(`gathers ${picks} of ${rows} rows of ${channels} and scatters back as the reference does`, async () => {
      const recorder = await sharedRecorder();
      await eachWorkgroupSize(recorder, () => check(rows, picks, channels));
    });
  }

  test("small chunks change nothing", async () => {
    const recorder = await sharedRecorder();
    await inChunksOf(recorder, 20 * 33 * 7, () => check(40, 50, 33));
  });

  test("groups picks by row, ascending, with empty rows", () => {
    const { starts, order } = groupByRow([3, 0, 3, 3, 1], 5);
    expect([...starts]).toEqual([0, 1, 2, 2, 5, 5]);
    expect([...order]).toEqual([1, 4, 0, 2, 3]);
  });

  test("the reference gradient equals finite differences on 4 x 7", () => {
    const index = [2, 2, 0, 3, 2];
    const x = noise(28, 5);
    const dy = noise(35, 6);
    const loss = (v: Float32Array): number =>
      gatherRowsReference(v, index, 7).reduce((sum, y, i) => sum + y * dy[i]!, 0);
    const dx = scatterRowsReference(dy, index, 4, 7);
    for (let i = 0; i < 28; i++) {
      const up = x.slice();
      const down = x.slice();
      up[i]! += 0.5;
      down[i]! -= 0.5;
      // Linear: only f32 rounding is left.
      expect(Math.abs(loss(up) - loss(down) - dx[i]!)).toBeLessThan(1e-5);
    }
  });
});
