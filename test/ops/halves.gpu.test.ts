// halves: widened on the device as on the host, to the bit.

import { describe, expect, test } from "vitest";
import { roundF16 } from "../../src/common/f16.ts";
import { widen } from "../../src/ops/halves.ts";
import { expectClose, noise, sharedRecorder, upload, zeros } from "../harness.ts";
import { eachWorkgroupSize, inChunksOf } from "../variants.ts";

async function check(count: number): Promise<void> {
  const recorder = await sharedRecorder();
  // Of all sizes, from the largest half to the smallest.
  const values = noise(count).map((value, i) => value * 2 ** (15 - (i % 40)));
  const y = zeros(recorder, [count]);
  widen(recorder, { x: upload(recorder, values, [count], "f16"), y, count });
  expectClose(await recorder.readF32(y), roundF16(values), { rtol: 0, atol: 0 }, `${count} halves`);
}

describe("halves", () => {
  for (const count of [1, 63, 65, 257, 40_001]) {
    test(`widens ${count} exactly`, async () => {
      await eachWorkgroupSize(await sharedRecorder(), () => check(count));
    });
  }

  test("small chunks change nothing", async () => {
    const recorder = await sharedRecorder();
    await inChunksOf(recorder, 200 * 700, () => check(3000));
    expect(recorder.gpu.usage.dispatches).toBeGreaterThan(5);
  });
});
