// What stands beside the axes of a chart.

import { expect, test } from "vitest";

import { tickText } from "../../src/ui/plot.ts";

test.each([
  [0, "0"],
  [0.15, "0.15"],
  [2000, "2000"],
  [-10_000, "-1e4"],
  [3e-8, "3e-8"],
  [-1.5e-8, "-1.5e-8"],
  [100, "100"],
])("%d is marked %s", (value, text) => expect(tickText(value)).toBe(text));
