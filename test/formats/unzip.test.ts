// Archives that are dropped: what is wanted comes out, and one that is damaged or a bomb is refused before it is unpacked.

import { zipSync } from "fflate";
import { expect, test } from "vitest";

import { SeededRandom } from "../../src/common/random.ts";
import { bytesSource } from "../../src/formats/safetensors.ts";
import { isZip, unzipFiles } from "../../src/formats/unzip.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const isWanted = ({ name }: { readonly name: string }): boolean => name.endsWith(".json");
const archive = zipSync({ "run/a.json": text("{}"), "run/b.bin": text("123") }, { level: 0 });

test("what is wanted comes out of stored and of packed archives, with its folder", async () => {
  const packed = zipSync({ "run/a.json": [text("{}"), { level: 9 }], "run/b.bin": text("123") });
  for (const bytes of [archive, packed]) {
    const files = await unzipFiles(bytesSource("a.zip", bytes), isWanted);
    expect(files.map(({ name, size }) => [name, size])).toEqual([["run/a.json", 2]]);
    expect(new TextDecoder().decode(await files[0]!.read(0, 2))).toBe("{}");
  }
});

test("an archive with nothing that is wanted says what it has", async () => {
  const other = zipSync({ "b.bin": text("1") });
  await expect(unzipFiles(bytesSource("b.zip", other), isWanted)).rejects.toMatchObject({
    name: "UserError",
    message: expect.stringMatching(/b\.zip holds none .* it has b\.bin\. Unpack/) as string,
  });
});

test("a damaged archive gives files or a sentence, whatever was changed", async () => {
  const random = new SeededRandom(3);
  const outcomes = new Set<string>();
  for (let i = 0; i < 500; i++) {
    const bytes = archive.slice(0, i % 5 === 0 ? random.integer(archive.length) : archive.length);
    for (let change = 0; change < 3 && bytes.length > 0; change++)
      bytes[random.integer(bytes.length)] = random.integer(256);
    const outcome = await unzipFiles(bytesSource("c.zip", bytes), isWanted).then(
      () => "files",
      (error: unknown) => (error as Error).name,
    );
    outcomes.add(outcome);
  }
  expect([...outcomes].toSorted()).toEqual(["UserError", "files"]);
});

test("an archive that claims to unpack to gigabytes is refused without unpacking", async () => {
  const bytes = archive.slice();
  // The size before packing, in the archive's list of its files (offset 24 of an entry).
  const at = bytes.findIndex((byte, i) => byte === 0x50 && bytes[i + 2] === 1 && bytes[i + 3] === 2);
  new DataView(bytes.buffer).setUint32(at + 24, 2 ** 31, true);
  await expect(unzipFiles(bytesSource("d.zip", bytes), isWanted)).rejects.toThrow(
    /d\.zip has 2048 MiB, and 512 MiB are unpacked at most/,
  );
});

test("archives are known by their names", () => {
  expect([{ name: "a.ZIP" }, { name: "zip.json" }].map(isZip)).toEqual([true, false]);
});
