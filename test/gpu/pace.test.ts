// The size of a submit follows the measured speed, also when several submits are reported finished at once.

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Pace } from "../../src/gpu/pace.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Submits `count` chunks at once that the device finishes together after `ms`. */
async function stretch(pace: Pace, count: number, work: number, ms: number): Promise<void> {
  const releases = Array.from({ length: count }, () => {
    let release = (): void => {};
    pace.submitted(work, new Promise<void>((resolve) => (release = resolve)));
    return release;
  });
  vi.advanceTimersByTime(ms);
  for (const release of releases) release();
  await new Promise((resolve) => setImmediate(resolve));
}

test("a chunk settles at about 85 ms of work", async () => {
  const pace = new Pace();
  for (let i = 0; i < 40; i++) await stretch(pace, 4, 1e8, 100);
  expect(pace.chunkWork).toBeCloseTo(4e6 * 85, -5);
  expect(pace.longestMs).toBeCloseTo(25, 5);
});

test("a device that finishes full chunks at once is given larger ones", async () => {
  const pace = new Pace();
  const first = pace.chunkWork;
  for (let i = 0; i < 5; i++) await stretch(pace, 1, pace.chunkWork, 1);
  expect(pace.chunkWork).toBe(32 * first);
});

test("small submits say nothing about speed", async () => {
  const pace = new Pace();
  const first = pace.chunkWork;
  await stretch(pace, 3, 10, 1);
  expect(pace.chunkWork).toBe(first);
});
