// `verify FILE.json`: verl's golden numbers on the CPU, and above all that a wrong number, an unknown name or a foreign file is
// told and never passes.

import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { judgeCase, KINDS, placeOf } from "../../src/node/verify/algorithms-cases.ts";
import type { GoldenCase } from "../../src/node/verify/algorithms-golden.ts";
import { parseCases } from "../../src/node/verify/algorithms-golden.ts";
import { isAllRight, reportLines, runAlgorithms } from "../../src/node/verify/algorithms.ts";
import { verify } from "../../src/node/commands/verify.ts";
import { fixture, isShared, sharedPath } from "../formats/fixtures.ts";

const text = new TextDecoder().decode(fixture("algorithms/golden.json"));
const cases = parseCases("golden.json", text);
const onCpu = cases.filter((golden) => placeOf(golden, KINDS[golden.kind]!) === "CPU float64");

/** Every number of a value, pushed by a thousandth of itself or of 1. */
function tampered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tampered);
  if (typeof value === "number") return value + 1e-3 * Math.max(1, Math.abs(value));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, tampered(part)]));
  return value;
}

test("verl's numbers are met in double precision", async () => {
  const report = await runAlgorithms(onCpu, undefined);
  expect(
    report.rows.flatMap(({ failed }) => failed),
    reportLines(report).join("\n"),
  ).toEqual([]);
  expect(isAllRight(report)).toBe(true);
  expect(report.rows.reduce((sum, row) => sum + row.cases, 0)).toBe(187);
});

const comparable = onCpu.filter((golden) => {
  const hasError = golden.outputs["error"] !== undefined;
  return !hasError && KINDS[golden.kind]!.missing?.(golden) === undefined;
});
test("every compared number counts: each output that is a little off fails its case", async () => {
  expect(comparable.length).toBeGreaterThan(120);
  const passed: string[] = [];
  for (const golden of comparable) {
    const kind = KINDS[golden.kind]!;
    for (const key of Object.keys(golden.outputs)) {
      // A NaN is a text there, and stays what it is.
      if (golden.outputs[key] === "NaN") continue;
      if (["returns", "note"].includes(key) || (key === "grad" && golden.params["ulp_sensitive"])) continue;
      const wrong = { ...golden, outputs: { ...golden.outputs, [key]: tampered(golden.outputs[key]) } };
      const mask = golden.inputs["response_mask"];
      const isEmpty = mask !== undefined && !JSON.stringify(mask).includes("1");
      const { worst } = await judgeCase(wrong, kind, undefined);
      const allowsThat = golden.params["abs_tol"] !== undefined || (isEmpty && key === "grad");
      if (worst.error <= worst.tolerance && !allowsThat) passed.push(`${golden.name}: ${key}`);
    }
  }
  expect(passed).toEqual([]);
});

test("a NaN passes only where a NaN is expected", async () => {
  const golden = cases.find(({ name }) => name.startsWith("agg_loss/token-mean/ragged/local/float64"))!;
  const inputs = { response_mask: [[1]], loss_mat: [[2]] };
  const error = async (grad: unknown): Promise<number> => {
    const one = { ...golden, inputs, outputs: { loss: 2, grad } };
    return (await judgeCase(one, KINDS["agg_loss"]!, undefined)).worst.error;
  };
  expect(await error([[1]])).toBe(0);
  expect(await error([["NaN"]])).toBe(Infinity);
  expect(await error([[]])).toBe(Infinity);
});

describe("what is not covered", () => {
  const golden = cases.find(({ kind }) => kind === "policy_loss")!;

  test("an unknown loss or kind is listed, not passed", async () => {
    const unknown: GoldenCase[] = [
      { ...golden, params: { ...golden.params, loss_mode: "no_such_loss" } },
      { ...golden, kind: "no_such_kind" },
    ];
    const report = await runAlgorithms(unknown, undefined);
    expect([...report.notCovered]).toEqual([
      ['policy_loss: no policy loss "no_such_loss"', 1],
      ["no_such_kind: no such kind here", 1],
    ]);
    expect(report.rows).toEqual([]);
    expect(isAllRight(report)).toBe(false);
    expect(reportLines(report).at(-1)).toBe("0 of 0 compared cases agree; 2 were not compared");
  });

  test("without a device its cases are listed as such", async () => {
    const report = await runAlgorithms([{ ...golden, dtype: "float32" }], undefined);
    expect([...report.notCovered]).toEqual([["policy_loss: no WebGPU adapter", 1]]);
  });
});

test("a mismatch is told with its case and makes the whole fail", async () => {
  const golden = cases.find(({ kind }) => kind === "policy_loss")!;
  const report = await runAlgorithms(
    [{ ...golden, outputs: { ...golden.outputs, loss: 7 } }, golden],
    undefined,
  );
  expect(isAllRight(report)).toBe(false);
  expect(reportLines(report)).toContain(`FAILED  CPU float64: ${golden.name}`);
  expect(reportLines(report).at(-1)).toBe("1 of 2 compared cases agree; 0 were not compared");
});

describe("a file that is not in the format", () => {
  test.each([
    ["{", /golden.json is not whole JSON/],
    ["{}", /holds no golden numbers of algorithms: a list of cases/],
    ["[]", /has no cases/],
    ['[{"kind":"policy_loss"}]', /Element 0 of golden.json is no case/],
    [text.replace('"kind":"policy_loss"', '"kind":3'), /is no case/],
  ])("is refused in a sentence: %.20s", (content, sentence) => {
    expect(() => parseCases("golden.json", content)).toThrow(sentence);
  });

  test("and so is one that is not there", async () => {
    const args = { values: {}, positionals: ["nowhere.json"] };
    await expect(verify.run(args)).rejects.toThrow(/nowhere.json could not be read .* Check the path/);
  });
});

const SHARED = "algorithms/golden.json";
test.skipIf(!isShared(SHARED))(
  "../shared/data/algorithms/golden.json is met where it is covered",
  async () => {
    const all = parseCases("golden.json", readFileSync(sharedPath(SHARED), "utf8"));
    const report = await runAlgorithms(all, undefined);
    expect(report.rows.flatMap(({ failed }) => failed)).toEqual([]);
    expect(report.rows.length).toBeGreaterThan(5);
  },
);
