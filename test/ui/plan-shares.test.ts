import { expect, test } from "vitest";

import { planShares } from "../../src/ui/plan-shares.ts";

const PLAN = [
  { owner: "system", bytes: 3 },
  { owner: "kvCache", bytes: 40 },
  { owner: "weights", bytes: 100 },
  { owner: "head", bytes: 7 },
  { owner: "adapter", bytes: 0 },
];

test("shares stand in a fixed order, the small ones together, and empty ones are left out", () => {
  expect(planShares(PLAN).map(({ label, bytes }) => [label, bytes])).toEqual([
    ["Weights", 100],
    ["Key-value cache", 40],
    ["Scratch", 10],
  ]);
});

test("shares add up to the plan, with owners that are not known yet", () => {
  const plan = [...PLAN, { owner: "something new", bytes: 11 }];
  const sum = (list: readonly { readonly bytes: number }[]): number =>
    list.reduce((total, { bytes }) => total + bytes, 0);
  expect(sum(planShares(plan))).toBe(sum(plan));
});

test("every share has a colour of its own", () => {
  const everything = ["weights", "adapter", "optimizer", "activations", "kvCache", "batch"];
  const colours = planShares(everything.map((owner) => ({ owner, bytes: 1 }))).map(({ series }) => series);
  expect(new Set(colours).size).toBe(everything.length);
});
