// Quota, persistence and locks where the system has none of it: everything answers, and nothing stops a run. In a system
// with Web Locks, a run is held once.

import { expect, test } from "vitest";

import { askForPersistence, storageEstimate } from "../../src/storage/quota.ts";
import { busyRuns, holdRun } from "../../src/storage/run-lock.ts";

const hasLocks = typeof navigator !== "undefined" && "locks" in navigator;

test("without a storage manager nothing is known and nothing is promised", async () => {
  expect(await storageEstimate()).toEqual({
    usedBytes: undefined,
    quotaBytes: undefined,
    isPersisted: false,
  });
  expect(await askForPersistence()).toBe(false);
});

test("a run that is free can be held and let go", async () => {
  const release = await holdRun("a");
  expect(release).toBeTypeOf("function");
  await release!();
  expect((await busyRuns()).has("a")).toBe(false);
});

test.skipIf(hasLocks)("without Web Locks every run is free", async () => {
  await holdRun("a");
  expect(await holdRun("a")).toBeTypeOf("function");
  expect(await busyRuns()).toEqual(new Set());
});

test.skipIf(!hasLocks)("with Web Locks a run is held once, and others stay free", async () => {
  const release = await holdRun("a");
  expect(await holdRun("a")).toBeUndefined();
  const other = await holdRun("b");
  expect(await busyRuns()).toEqual(new Set(["a", "b"]));
  await release!();
  const again = await holdRun("a");
  expect(again).toBeTypeOf("function");
  await Promise.all([again!(), other!()]);
  expect(await busyRuns()).toEqual(new Set());
});
