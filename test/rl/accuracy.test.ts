// The interval of an accuracy, against values computed by hand.

import { expect, test } from "vitest";

import { accuracyOf } from "../../src/rl/evaluate.ts";

test.each([
  // hits, n, lower and upper end of Wilson's interval: (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n).
  [8, 10, 0.490162, 0.943318],
  [50, 100, 0.403832, 0.596168],
  [1, 200, 0.000883, 0.027772],
])("%i of %i is an accuracy from %f to %f", (hits, n, low, high) => {
  const accuracy = accuracyOf(hits, n);
  expect(accuracy.mean).toBe(hits / n);
  expect(accuracy.low).toBeCloseTo(low, 5);
  expect(accuracy.high).toBeCloseTo(high, 5);
});

test("none and all keep an interval of some width inside 0 and 1", () => {
  const z2 = 1.959964 ** 2;
  expect(accuracyOf(0, 20)).toEqual({ mean: 0, low: 0, high: expect.closeTo(z2 / (20 + z2), 6) });
  const all = accuracyOf(20, 20);
  expect(all.low).toBeCloseTo(20 / (20 + z2), 6);
  expect(all.high).toBeCloseTo(1, 10);
  expect(all.high).toBeLessThanOrEqual(1);
});
