// The counter-based generator: published test vectors, ranges, evenness and resuming.

import { describe, expect, test } from "vitest";
import { SeededRandom, threefry2x32, uniformOf } from "../../src/common/random.ts";

describe("threefry2x32", () => {
  // Random123, tests/kat_vectors, "threefry2x32 20".
  test.each([
    [
      [0, 0],
      [0, 0],
      [0x6b200159, 0x99ba4efe],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x1cb996fc, 0xbb002be7],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      [0xc4923a9c, 0x483df7a0],
    ],
  ] as const)("gives the published words of key %j and counter %j", (key, counter, expected) => {
    expect(threefry2x32(key, counter)).toEqual(expected);
  });

  test("the uniform number of a word lies in [0, 1)", () => {
    expect(uniformOf(0)).toBe(0);
    expect(uniformOf(0xffffffff)).toBe(1 - 2 ** -24);
    expect(Math.fround(uniformOf(0xfffffeff))).toBe(uniformOf(0xfffffeff));
  });
});

describe("SeededRandom", () => {
  const draw = (random: SeededRandom, count: number): number[] =>
    Array.from({ length: count }, () => random.nextU32());

  test("equal seeds give equal streams; another seed or stream gives another", () => {
    const first = draw(new SeededRandom(7, 1), 16);
    expect(draw(new SeededRandom(7, 1), 16)).toEqual(first);
    expect(draw(new SeededRandom(8, 1), 16)).not.toEqual(first);
    expect(draw(new SeededRandom(7, 2), 16)).not.toEqual(first);
    expect(new Set(first).size).toBe(16);
  });

  test.each([0, 1, 2, 7])(
    "a stream restored from JSON after %i words goes on as the original does",
    (count) => {
      const original = new SeededRandom(3);
      draw(original, count);
      const restored = new SeededRandom(99, 99);
      restored.state = JSON.parse(JSON.stringify(original.state));
      expect(draw(restored, 9)).toEqual(draw(original, 9));
      expect(restored.state).toEqual(original.state);
    },
  );

  test("integers cover [0, n) evenly", () => {
    const random = new SeededRandom(1);
    const counts = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 60_000; i++) counts[random.integer(6)]!++;
    // Chi-square with 5 degrees of freedom exceeds 25.7 with probability 1e-4.
    const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chiSquare).toBeLessThan(25.7);
    expect(random.integer(1)).toBe(0);
    expect(random.integer(2 ** 32)).toBeGreaterThanOrEqual(0);
    for (const n of [0, 1.5, -1, 2 ** 33, NaN]) expect(() => random.integer(n)).toThrow("does not exist");
  });

  test("a bound of 3 * 2^30, where a quarter of all words is refused, is met evenly", () => {
    const random = new SeededRandom(2);
    const n = 2 ** 31 + 2 ** 30;
    let below = 0;
    for (let i = 0; i < 30_000; i++) below += random.integer(n) < 2 ** 30 ? 1 : 0;
    // A third of 30,000; word % n without refusal would give half. Four standard deviations are 327.
    expect(Math.abs(below - 10_000)).toBeLessThan(327);
  });

  test("normal numbers have mean 0, variance 1 and fourth moment 3", () => {
    const random = new SeededRandom(5);
    const count = 100_000;
    const moments = [0, 0, 0];
    for (let i = 0; i < count; i++) {
      const x = random.normal();
      moments[0]! += x / count;
      moments[1]! += x ** 2 / count;
      moments[2]! += x ** 4 / count;
    }
    // Four standard deviations of each mean: 4 * sqrt(variance / count) with variances 1, 2 and 96.
    expect(Math.abs(moments[0]!)).toBeLessThan(0.0127);
    expect(Math.abs(moments[1]! - 1)).toBeLessThan(0.018);
    expect(Math.abs(moments[2]! - 3)).toBeLessThan(0.125);
  });

  test("a shuffle keeps the items and favours no order", () => {
    const random = new SeededRandom(6);
    const counts = new Map<string, number>();
    for (let i = 0; i < 12_000; i++) {
      const order = random.shuffle([1, 2, 3]).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect([...counts.keys()].toSorted()).toEqual(["123", "132", "213", "231", "312", "321"]);
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0);
    expect(chiSquare).toBeLessThan(25.7);
  });
});
