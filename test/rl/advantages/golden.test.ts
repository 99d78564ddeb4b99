// verl's numbers for everything between scores and the loss: advantages, KL in the reward, the choice of groups, rollout
// correction, metrics; and that a number that is a little off is told.

import { expect, test } from "vitest";

import { KINDS, judgeCase } from "../../../src/node/verify/algorithms-cases.ts";
import type { GoldenCase } from "../../../src/node/verify/algorithms-golden.ts";
import { parseCases } from "../../../src/node/verify/algorithms-golden.ts";
import { reportLines, runAlgorithms } from "../../../src/node/verify/algorithms.ts";
import { fixture } from "../../formats/fixtures.ts";

const FILE = "algorithms/rewards-to-advantages.json";
const cases = parseCases(FILE, new TextDecoder().decode(fixture(FILE)));

test("verl's numbers are met in double precision", async () => {
  const report = await runAlgorithms(cases, undefined);
  expect(
    report.rows.flatMap(({ failed }) => failed),
    reportLines(report).join("\n"),
  ).toEqual([]);
  expect([...report.notCovered]).toEqual([]);
  expect(report.rows.reduce((sum, row) => sum + row.cases, 0)).toBe(cases.length);
  expect(cases.length).toBe(146);
});

/** Outputs that nothing here computes: averages that nobody asks for, and what repeats the inputs. */
const LEFT_OUT = ["sum", "mean_axis1", "whiten_keep_mean", "reward_counts", "batch_scores", "reached_update"];

/** Every number of a value, pushed by a thousandth of itself or of 1; undefined when there is none. */
function tampered(value: unknown): unknown {
  if (typeof value === "number") return value + 1e-3 * Math.max(1, Math.abs(value));
  if (!Array.isArray(value) && !isRecord(value)) return undefined;
  const entries = Object.entries(value).map(([key, part]) => [key, tampered(part) ?? part] as const);
  if (entries.every(([key, part]) => part === (value as Record<string, unknown>)[key])) return undefined;
  return Array.isArray(value) ? entries.map(([, part]) => part) : Object.fromEntries(entries);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `value` with all of it wrong or, of several numbers by name, with one of them wrong. */
const wrongVersions = (value: unknown): unknown[] =>
  isRecord(value)
    ? Object.keys(value).map((key) => ({ ...value, [key]: tampered(value[key]) ?? value[key] }))
    : [tampered(value)].filter((wrong) => wrong !== undefined);

const passes = async (golden: GoldenCase): Promise<boolean> => {
  const { worst } = await judgeCase(golden, KINDS[golden.kind]!, undefined);
  return worst.error <= worst.tolerance;
};

test("every compared number counts: an output that is a little off fails its case", async () => {
  const passed: string[] = [];
  let count = 0;
  for (const golden of cases) {
    if (golden.outputs["error"] !== undefined || golden.outputs["var_error"] !== undefined) continue;
    if (golden.params["abs_tol"] !== undefined) continue;
    for (const [key, value] of Object.entries(golden.outputs)) {
      for (const wrong of LEFT_OUT.includes(key) ? [] : wrongVersions(value)) {
        count++;
        if (await passes({ ...golden, outputs: { ...golden.outputs, [key]: wrong } }))
          passed.push(`${golden.name}: ${key}`);
      }
    }
  }
  expect(passed).toEqual([]);
  expect(count).toBeGreaterThan(500);
});

test("other groups, another mask or a metric more are told", async () => {
  const find = (start: string): GoldenCase => cases.find(({ name }) => name.startsWith(start))!;
  const recipe = find("filter_groups_recipe/one_batch_enough");
  expect(await passes({ ...recipe, outputs: { ...recipe.outputs, batch_uids: ["a", "b"] } })).toBe(false);
  const replay = find("filter_groups_v1/mixed");
  expect(await passes({ ...replay, outputs: { ...replay.outputs, filtered: ["b"] } })).toBe(false);
  const correction = find("rollout_correction/8/");
  const metrics = { ...(correction.outputs["metrics"] as object), more: 1 };
  expect(await passes({ ...correction, outputs: { ...correction.outputs, metrics } })).toBe(false);
});
