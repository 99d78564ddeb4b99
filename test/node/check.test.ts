// Verdicts of `verify`: NaN and missing values never pass, noise is judged as noise, and nothing else is forgiven.

import { expect, test } from "vitest";

import type { Check } from "../../src/node/verify/check.ts";
import { checkLine, maxAbs, maxScaled, mismatches, passes, RelativeL2 } from "../../src/node/verify/check.ts";

test("the largest error is found, and a NaN or a missing value counts as infinite", () => {
  expect(maxAbs([1, 2, 3.5], [1, 2.25, 3])).toEqual({ worst: 0.5, index: 2 });
  expect(maxAbs([1, NaN], [1, 2])).toEqual({ worst: Infinity, index: 1 });
  expect(maxAbs([1], [1, 2]).worst).toBe(Infinity);
  expect(maxScaled([0.5, -31], [0, -30])).toEqual({ worst: 0.5, index: 0 });
});

test("relative errors are per tensor and over all, and name the worst", () => {
  const errors = new RelativeL2();
  errors.add("large", [10, 0], [10, 0]);
  errors.add("small", [0.1, 0], [0.2, 0]);
  expect(errors.worst).toEqual({ name: "small", error: 0.5 });
  expect(errors.overall).toBeCloseTo(0.1 / Math.hypot(10, 0.2), 12);
  errors.add("broken", [NaN], [1]);
  expect(errors.worst).toEqual({ name: "broken", error: Infinity });
});

test("what should be zero is measured against the whole", () => {
  const errors = new RelativeL2();
  errors.add("all", [1], [1]);
  errors.add("zero", [1e-3], [0]);
  expect(errors.worst.error).toBeCloseTo(1e-3, 6);
});

test("elements that are left out do not count", () => {
  const errors = new RelativeL2();
  errors.add("w", [1, 7], [1, 2], (i) => i === 1);
  expect(errors.overall).toBe(0);
});

test("mismatches tell 0 from -0 and lengths apart", () => {
  expect(mismatches([0, 1, 2], [-0, 1, 3])).toBe(2);
  expect(mismatches([1], [1, 2])).toBe(1);
});

test("a check passes within its limit only", () => {
  const check: Check = { name: "n", worst: 1e-4, unit: "abs", tolerance: 1e-4, where: "here" };
  expect(passes(check)).toBe(true);
  expect(passes({ ...check, worst: 1.01e-4 })).toBe(false);
  expect(passes({ ...check, worst: NaN })).toBe(false);
  expect(checkLine("dir", { ...check, worst: 2e-4 })).toBe(
    "FAILED  dir: n: 2.0e-4 abs (limit 1.0e-4), worst at here",
  );
});
