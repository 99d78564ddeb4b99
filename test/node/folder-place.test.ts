// A folder as the place of an export: nothing lies in it before it is kept, and nothing is left of what is not.

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import type { NamedStream } from "../../src/formats/encoded-file.ts";
import { streamOf } from "../../src/formats/encoded-file.ts";
import { FolderPlace } from "../../src/node/export/folder-place.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "gradus-export-"));
});
afterEach(() => rm(folder, { recursive: true }));

const FILES = [
  streamOf("config.json", new TextEncoder().encode("{}")),
  streamOf("onnx/model.onnx", Uint8Array.of(1, 2, 3)),
];
const failing = (error: Error): NamedStream => ({
  name: "weights",
  size: 10,
  // oxlint-disable-next-line typescript/require-await
  async *pieces() {
    yield Uint8Array.of(1);
    throw error;
  },
});

test("files are read back before they are kept, and lie in the folder alone afterwards", async () => {
  const place = new FolderPlace(folder);
  const heard: number[] = [];
  const written = await place.write(FILES, (done, total) => heard.push(done, total));
  expect(written.map(({ name, size }) => [name, size])).toEqual([
    ["config.json", 2],
    ["onnx/model.onnx", 3],
  ]);
  expect([...(await written[1]!.read(1, 3))]).toEqual([2, 3]);
  expect(heard).toEqual([2, 5, 5, 5]);
  expect(await readdir(folder)).toEqual([".unchecked"]);
  expect(await place.keep()).toEqual(FILES.map(({ name }) => path.join(folder, name)));
  await place.clear();
  expect((await readdir(folder, { recursive: true })).toSorted()).toEqual([
    "config.json",
    "onnx",
    path.join("onnx", "model.onnx"),
  ]);
  expect([...(await readFile(path.join(folder, "onnx/model.onnx")))]).toEqual([1, 2, 3]);
});

test("a full disk is said in a sentence, and nothing is left", async () => {
  const place = new FolderPlace(folder);
  const full = Object.assign(new Error("write failed"), { code: "ENOSPC" });
  await expect(place.write([FILES[0]!, failing(full)], () => {})).rejects.toMatchObject({
    name: "UserError",
    message: expect.stringMatching(/The export \(weights\) was not saved: storage is full/),
  });
  await place.clear();
  expect(await readdir(folder)).toEqual([]);
});

test("what stops the writing comes through", async () => {
  const place = new FolderPlace(folder);
  const stopped = place.write(FILES, () => {
    throw new Error("enough");
  });
  await expect(stopped).rejects.toThrow("enough");
});
