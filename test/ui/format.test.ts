import { describe, expect, test } from "vitest";

import {
  formatBytes,
  formatCount,
  formatDuration,
  formatNumber,
  formatSetting,
  formatShare,
  formatWhen,
  plural,
} from "../../src/ui/format.ts";

describe("sizes and counts", () => {
  test.each([
    [0, "0 B"],
    [812, "812 B"],
    [1536, "1.5 KiB"],
    [1023 * 1024, "0.999 MiB"],
    [4_700_000, "4.48 MiB"],
    [3 * 2 ** 40, "3 TiB"],
    [5000 * 2 ** 40, "5000 TiB"],
  ])("%i bytes are %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test.each([
    [950, "950"],
    [999.6, "1 k"],
    [12_400, "12.4 k"],
    [494_032_768, "494 M"],
    [1.5e9, "1.5 B"],
  ])("%d things are %s", (count, text) => {
    expect(formatCount(count)).toBe(text);
  });

  test("one step is singular, two are not, thousands are set apart", () => {
    expect([plural(1, "step"), plural(2, "step"), plural(2000, "row")]).toEqual([
      "1 step",
      "2 steps",
      "2,000 rows",
    ]);
  });
});

describe("durations", () => {
  test.each([
    [0.2, "under a second"],
    [42.4, "42 s"],
    [59.6, "1 min"],
    [200, "3 min 20 s"],
    [1250, "20 min"],
    [7500, "2 h 5 min"],
    [7200, "2 h"],
    [200_000, "2 days"],
  ])("%d seconds are %s", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  test("what is not known is left out", () => {
    expect([formatDuration(Number.NaN), formatDuration(Infinity), formatDuration(-1)]).toEqual(["", "", ""]);
  });

  test("the recent past is counted in minutes and hours, the rest is a date", () => {
    const now = Date.UTC(2026, 5, 15, 12);
    const ago = (minutes: number): string => formatWhen(now - minutes * 60_000, now);
    expect([ago(0), ago(5), ago(180)]).toEqual(["just now", "5 min ago", "3 h ago"]);
    expect(ago(60 * 24 * 10)).toBe("Jun 5, 2026");
  });
});

describe("numbers", () => {
  test.each([
    [3e-4, "3e-4"],
    [1e-6, "1e-6"],
    [0.001, "0.001"],
    [16, "16"],
    [-1, "-1"],
    [2 ** 32 - 1, "4294967295"],
  ])("the setting %d stands as %s, and reads back as the same number", (value, text) => {
    expect(formatSetting(value)).toBe(text);
    expect(Number(text)).toBe(value);
  });

  test.each([
    [0, "0"],
    [0.41666, "0.417"],
    [1234.5, "1235"],
    [0.00012, "1.2e-4"],
    [250_000, "2.5e5"],
    [Number.NaN, "NaN"],
  ])("the measured %d is shown as %s", (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  test("a share is shown in percent", () => {
    expect([formatShare(0.425), formatShare(1, 0)]).toEqual(["42.5 %", "100 %"]);
  });
});
