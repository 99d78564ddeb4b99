// What stands beside the axes of a chart.

import { expect, test } from "vitest";

import { tickText, valueMarks } from "../../src/ui/plot.ts";

test.each([
  [0, "0"],
  [0.15, "0.15"],
  [2000, "2000"],
  [-10_000, "-1e4"],
  [3e-8, "3e-8"],
  [-1.5e-8, "-1.5e-8"],
  [100, "100"],
])("%d is marked %s", (value, text) => expect(tickText(value)).toBe(text));

test.each([
  [0, 3, [0, 1.5, 3]],
  [-2, 0, [-2, -1, 0]],
  [-2, 2, [-2, 0, 2]],
  [-10, 2, [-10, 0]],
  [-1, 5, [0, 5]],
])("an axis from %d to %d is marked at %j", (low, high, marks) =>
  expect(valueMarks(low, high)).toEqual(marks),
);
