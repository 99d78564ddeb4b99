import { expect, test } from "vitest";

import { editDistance, nearest } from "../../src/common/nearest.ts";

test("a slip of the finger finds the name that was meant", () => {
  expect(nearest("verfy", ["devices", "verify", "bench"])).toBe("verify");
  expect(nearest("Device", ["devices", "verify", "bench"])).toBe("devices");
});

test("a word that is like none of them finds nothing", () => {
  expect(nearest("train", ["devices", "verify"])).toBeUndefined();
  expect(nearest("x", [])).toBeUndefined();
});

test("distance counts insertions, deletions and replacements", () => {
  expect(editDistance("kitten", "sitting")).toBe(3);
  expect(editDistance("", "abc")).toBe(3);
  expect(editDistance("abc", "abc")).toBe(0);
});
