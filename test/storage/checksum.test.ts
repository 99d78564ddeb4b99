// CRC-32 against its definition and its check value; records that are sealed with it.

import { expect, test } from "vitest";

import { SeededRandom } from "../../src/common/random.ts";
import { crc32 } from "../../src/storage/crc32.ts";
import { seal, unseal } from "../../src/storage/sealed.ts";

/** Bit by bit, as the polynomial division is defined. */
function slowCrc32(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  }
  return ~rest >>> 0;
}

test("the CRC-32 of 123456789 is the published check value", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
});

test("CRC-32 agrees with its definition at every length and offset around the eight-byte rounds", () => {
  const random = new SeededRandom(1);
  const bytes = Uint8Array.from({ length: 300 }, () => random.integer(256));
  for (const length of [0, 1, 7, 8, 9, 15, 16, 63, 257])
    for (const start of [0, 1, 5]) {
      const part = bytes.subarray(start, start + length);
      expect(crc32(part)).toBe(slowCrc32(part));
    }
});

test("every flipped bit of a sealed record is found", () => {
  const sealed = seal({ name: "ä", list: [1, 2], value: -0 });
  expect(unseal(sealed)).toEqual({ name: "ä", list: [1, 2], value: -0 });
  for (let bit = 0; bit < 8 * sealed.length; bit++) {
    const damaged = sealed.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    expect(unseal(damaged)).toBeUndefined();
  }
  for (let length = 0; length < sealed.length; length++)
    expect(unseal(sealed.subarray(0, length))).toBeUndefined();
});
