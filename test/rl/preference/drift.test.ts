// The notice of a policy that runs away: told once, and only when chosen and rejected responses both fall.

import { expect, test } from "vitest";

import type { MetricRow } from "../../../src/rl/metrics.ts";
import { driftNotice as noticeOf } from "../../../src/rl/preference/drift.ts";

const row = (chosen: number, rejected: number): MetricRow => ({
  "preference/chosen_log_prob": chosen,
  "preference/rejected_log_prob": rejected,
});
const driftNotice = (after: MetricRow, history: readonly MetricRow[]) =>
  noticeOf(after, history, "gradus.preference_reference");
const START = [{ "preference/pairs": 0 }, row(-0.5, -0.75)];

test("a fall of both by more than a nat is told with its size and what to do", () => {
  expect(driftNotice(row(-1.75, -2), START)).toMatch(
    /lost 1\.25 nats .* rejected 1\.25\. .*preference_reference/,
  );
});

test("it is told once", () => {
  expect(driftNotice(row(-3, -3), [...START, row(-1.75, -2)])).toBeUndefined();
});

test.each([
  ["only the rejected fall, as they should", row(-0.5, -9)],
  ["only the chosen fall", row(-9, -0.75)],
  ["both fall by a nat at most", row(-1.5, -1.75)],
  ["the step has no pairs", { "preference/pairs": 0 }],
])("nothing is told when %s", (_, later) => {
  expect(driftNotice(later, START)).toBeUndefined();
});

test("nothing is told in the first step", () => {
  expect(driftNotice(row(-9, -9), [])).toBeUndefined();
});
