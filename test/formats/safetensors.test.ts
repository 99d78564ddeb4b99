// safetensors: round trip, every number type, and files that are not whole.

import { describe, expect, test } from "vitest";
import { bytesSource, openSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";

const file = writeSafetensors([
  ["a", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)],
  ["b.weight", [1], Float32Array.of(-0.5)],
]);

function withHeader(header: unknown, data = new Uint8Array(16)): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

const open = (bytes: Uint8Array) => openSafetensors(bytesSource("model.safetensors", bytes));

test("what is written is read back, and data starts at a multiple of 8", async () => {
  const opened = await open(file);
  expect([...opened.entries.keys()]).toEqual(["a", "b.weight"]);
  expect(opened.entry("a").shape).toEqual([2, 3]);
  expect(opened.entry("a").start % 8).toBe(0);
  expect([...(await opened.readF32("a"))]).toEqual([1, 2, 3, 4, 5, 6]);
  expect([...(await opened.readF32("b.weight"))]).toEqual([-0.5]);
  expect(opened.metadata).toEqual({ format: "pt" });
});

test("a source may hand out views of a larger buffer", async () => {
  const opened = await open(Buffer.concat([Buffer.alloc(3), file]).subarray(3));
  expect([...(await opened.readF32("a"))]).toEqual([1, 2, 3, 4, 5, 6]);
});

test("F16, BF16 and I64 are read exactly", async () => {
  const data = new Uint8Array(16);
  new Uint16Array(data.buffer, 0, 2).set([0x3c00, 0xc000]);
  new Uint16Array(data.buffer, 4, 2).set([0x3f80, 0x4049]);
  new BigInt64Array(data.buffer, 8, 1).set([-7n]);
  const opened = await open(
    withHeader(
      {
        half: { dtype: "F16", shape: [2], data_offsets: [0, 4] },
        brain: { dtype: "BF16", shape: [2], data_offsets: [4, 8] },
        long: { dtype: "I64", shape: [1], data_offsets: [8, 16] },
      },
      data,
    ),
  );
  expect([...(await opened.readF32("half"))]).toEqual([1, -2]);
  expect([...(await opened.readF32("brain"))]).toEqual([1, 3.140625]);
  expect([...(await opened.readI32("long"))]).toEqual([-7]);
  await expect(opened.readF32("long")).rejects.toThrow(/"long".*I64.*F32, F16 or BF16/);
});

describe("a damaged file is refused with the reason", () => {
  const entry = (over: object) =>
    withHeader({ w: { dtype: "F32", shape: [4], data_offsets: [0, 16], ...over } });
  for (const [what, bytes, message] of [
    ["too short", file.subarray(0, 5), /it has 5 bytes/],
    ["header longer than the file", file.subarray(0, 20), /header claims/],
    ["truncated data", file.subarray(0, file.length - 4), /"b.weight" ends at byte/],
    ["no JSON", withHeader("{not json"), /not JSON/],
    ["unknown type", entry({ dtype: "F8" }), /"w" has unknown type F8/],
    ["shape and offsets that disagree", entry({ shape: [5] }), /"w" F32 \[5\] should take 20 bytes, not 16/],
    ["negative offset", entry({ data_offsets: [-16, 0] }), /"w" has no offsets/],
    ["offsets beyond the end", entry({ data_offsets: [16, 32] }), /ends at byte/],
  ] as const) {
    test(what, async () => {
      await expect(open(bytes)).rejects.toMatchObject({
        name: "UserError",
        message: expect.stringMatching(message),
      });
    });
  }

  test("a tensor that is not there is named", async () => {
    const opened = await open(file);
    expect(() => opened.entry("c")).toThrow(/no tensor "c"/);
  });
});
