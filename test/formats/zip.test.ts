// Archives that are made as streams, against another reader of the format.

import { unzipSync } from "fflate";
import { expect, test } from "vitest";

import type { NamedStream } from "../../src/formats/encoded-file.ts";
import { streamOf } from "../../src/formats/encoded-file.ts";
import { zipStream } from "../../src/formats/zip.ts";
import { collected } from "./fixtures.ts";

const WEIGHTS = Uint8Array.from({ length: 1000 }, (_, i) => i);
const inPieces: NamedStream = {
  name: "数据.bin",
  size: 1000,
  async *pieces() {
    yield await Promise.resolve(WEIGHTS.subarray(0, 333));
    yield WEIGHTS.subarray(333);
  },
};
const files = [
  streamOf("adapter/config.json", new TextEncoder().encode("{}")),
  inPieces,
  streamOf("empty", new Uint8Array()),
];

test("an archive holds its files uncompressed, has the size that was said, and tells where each lies", async () => {
  const zip = zipStream(files);
  const archive = await collected(zip);
  expect(archive.length).toBe(zip.size);
  expect(unzipSync(archive)).toEqual({
    "adapter/config.json": new TextEncoder().encode("{}"),
    "数据.bin": WEIGHTS,
    empty: new Uint8Array(),
  });
  const { start, end } = zip.places.get("数据.bin")!;
  expect(archive.slice(start, end)).toEqual(WEIGHTS);
  expect([...zip.places.keys()]).toEqual(["adapter/config.json", "数据.bin", "empty"]);
});

test("an archive cannot hold two files of one name", () => {
  expect(() => zipStream([files[0]!, files[0]!])).toThrow(/one name/);
});

test("an archive cannot hold more than 4 GB", () => {
  const huge = { ...inPieces, size: 2 ** 32 };
  expect(() => zipStream([huge])).toThrow(/4\.3 GB do not fit/);
});

test("a file that has other bytes than it said is a bug, not a damaged archive", async () => {
  await expect(collected(zipStream([{ ...inPieces, size: 999 }]))).rejects.toThrow(/999 were announced/);
});
