// Which of several answers is current.

import { expect, test } from "vitest";

import { Latest } from "../../src/worker/latest.ts";

test("what was asked for last stays, also when an earlier answer comes after it", async () => {
  const latest = new Latest<string>();
  let finishDemo = (): void => {};
  const demo = latest.take(() => new Promise((resolve) => (finishDemo = () => resolve("demo"))));
  expect(await latest.take(() => Promise.resolve("dropped"))).toBe("dropped");
  finishDemo();
  expect(await demo).toBe("dropped");
  expect(latest.value).toBe("dropped");
});

test("what is current is changed only while it is current", async () => {
  const latest = new Latest<string>();
  await latest.take(() => Promise.resolve("first"));
  expect(latest.replace("first", "first, changed")).toBe("first, changed");
  await latest.take(() => Promise.resolve("second"));
  expect(latest.replace("first, changed", "stale")).toBe("second");
});

test("a failure leaves what was current, and what was asked for before it", async () => {
  const latest = new Latest<string>();
  let finishDemo = (): void => {};
  const demo = latest.take(() => new Promise((resolve) => (finishDemo = () => resolve("demo"))));
  await expect(latest.take(() => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  finishDemo();
  expect(await demo).toBe("demo");
});
