// Half precision on the host: every half survives the round trip, and rounding is to nearest, ties to even.

import { expect, test } from "vitest";
import { fromHalfBits, packF16, roundF16, toHalfBits } from "../../src/common/f16.ts";

test("every finite half converts to a number and back", () => {
  for (let half = 0; half < 65536; half++) {
    if ((half & 0x7c00) === 0x7c00) continue;
    expect(toHalfBits(fromHalfBits(half))).toBe(half);
  }
});

test("rounds to the nearest half, ties to even, also among subnormals", () => {
  expect(fromHalfBits(toHalfBits(1 + 2 ** -11))).toBe(1);
  expect(fromHalfBits(toHalfBits(1 + 3 * 2 ** -11))).toBe(1 + 2 ** -9);
  expect(fromHalfBits(toHalfBits(2 ** -25))).toBe(0);
  expect(fromHalfBits(toHalfBits(3 * 2 ** -25))).toBe(2 * 2 ** -24);
  expect(fromHalfBits(toHalfBits(-(2 ** -24) * 1.25))).toBe(-(2 ** -24));
});

test("numbers beyond the range become infinite, and NaN stays NaN", () => {
  expect(fromHalfBits(toHalfBits(65519))).toBe(65504);
  expect(fromHalfBits(toHalfBits(65520))).toBe(Infinity);
  expect(fromHalfBits(toHalfBits(-1e10))).toBe(-Infinity);
  expect(fromHalfBits(toHalfBits(NaN))).toBeNaN();
});

test("packs two halves to a word, low half first, and pads an odd count", () => {
  expect([...packF16([1, 2, 3])]).toEqual([0x40003c00, 0x4200]);
  expect([...roundF16([0.1])]).toEqual([0.0999755859375]);
});
