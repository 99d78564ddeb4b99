// publish: parameters in another engine's layout against the CPU reference, at odd sizes, in both types, in pieces, and
// with what lies beside them left alone.

import { describe, expect, test } from "vitest";
import { fromHalves, roundF16 } from "../../src/common/f16.ts";
import { publish, publishReference } from "../../src/ops/publish.ts";
import type { PublishedPart } from "../../src/ops/publish.ts";
import { expectClose, noise, sharedRecorder, upload } from "../harness.ts";
import { eachWorkgroupSize, inChunksOf } from "../variants.ts";

const EXACT = { rtol: 0, atol: 0 };
/** WGSL lets a conversion to half round either way: one unit in the last of eleven bits, or of the smallest halves. */
const HALF = { rtol: 2 ** -10, atol: 2 ** -24 };

interface Case extends PublishedPart {
  readonly rows: number;
  readonly columns: number;
}

const CASES: readonly Case[] = [
  { rows: 1, columns: 1, shape: [1, 1], isTransposed: false, row: 0, column: 0, scale: 1 },
  { rows: 65, columns: 63, shape: [63, 65], isTransposed: true, row: 0, column: 0, scale: 1 },
  { rows: 70, columns: 257, shape: [65, 63], isTransposed: false, row: 3, column: 101, scale: 0.5 },
  { rows: 24, columns: 77, shape: [33, 8], isTransposed: true, row: 8, column: 11, scale: 2 },
  { rows: 3, columns: 7, shape: [1, 5], isTransposed: false, row: 1, column: 2, scale: 0 },
];

/** `pieces` times in turn, each with its share of the value and some of it at an offset. */
async function check(kind: "f32" | "f16", pieces: number, { rows, columns, ...part }: Case): Promise<void> {
  const recorder = await sharedRecorder();
  const total = part.shape[0] * part.shape[1];
  const before = noise(rows * columns, 1);
  const values = noise(total, 2);
  const y = upload(recorder, before, [rows, columns], kind);
  const most = Math.ceil(total / pieces);
  for (let start = 0, piece = 0; start < total; start += most, piece++) {
    const count = Math.min(most, total - start);
    const held = [...noise(3 * piece, 3), ...values.subarray(start, start + count)];
    publish(recorder, { ...part, x: upload(recorder, held), offset: 3 * piece, start, count, y, columns });
  }
  const expected = kind === "f16" ? roundF16(before) : before.slice();
  publishReference(expected, columns, values, part);
  const bytes = await recorder.read(y);
  const actual =
    kind === "f16" ? fromHalves(new Uint16Array(bytes, 0, rows * columns)) : new Float32Array(bytes);
  expectClose(actual, expected, kind === "f16" ? HALF : EXACT, `${kind} in ${pieces}`);
}

describe("publish", () => {
  for (const kind of ["f32", "f16"] as const) {
    for (const part of CASES) {
      const { shape, rows, columns } = part;
      test(`puts [${shape}] into ${kind} [${rows},${columns}] as the reference does`, async () => {
        const recorder = await sharedRecorder();
        await eachWorkgroupSize(recorder, async () => {
          await check(kind, 1, part);
          await check(kind, 3, part);
        });
      });
    }
  }

  test("small chunks change nothing", async () => {
    const recorder = await sharedRecorder();
    await inChunksOf(recorder, 200 * 300, () => check("f16", 2, CASES[2]!));
  });

  test("a matrix of 4 bits or a value that reaches past the end is refused", async () => {
    const recorder = await sharedRecorder();
    const part = { shape: [2, 32], isTransposed: false, row: 0, column: 0, scale: 1 } as const;
    const place = { offset: 0, start: 0, count: 64, columns: 32 };
    const x = upload(recorder, noise(64));
    const blocks = upload(recorder, noise(64), [2, 32], "q4");
    expect(() => publish(recorder, { ...part, ...place, x, y: blocks })).toThrow("publishing [2,32]");
    const small = upload(recorder, noise(32), [1, 32]);
    expect(() => publish(recorder, { ...part, ...place, x, y: small })).toThrow("publishing [2,32]");
  });
});
