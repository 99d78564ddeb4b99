// The held-out split: stable under reload, order and company, near its ratio, different for each seed.

import { expect, test } from "vitest";
import type { Problem } from "../../src/formats/problem.ts";
import { fnv1a, splitProblems } from "../../src/formats/split.ts";

const problemOf = (question: string): Problem => ({
  messages: [],
  groundTruth: "1",
  dataSource: "",
  question,
  extraInfo: {},
});
const problems = Array.from({ length: 2000 }, (_, i) => problemOf(`What is ${i} + 1?`));
const heldOut = (list: readonly Problem[], seed: number, heldOutRatio = 0.1): string[] =>
  splitProblems(list, { seed, heldOutRatio }).heldOut.map(({ question }) => question);

test("FNV-1a agrees with the values its authors publish", () => {
  expect(["", "a", "foobar"].map(fnv1a)).toEqual([0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
});

test("every problem is on one side, in its order", () => {
  const { train, heldOut: held } = splitProblems(problems, { seed: 1, heldOutRatio: 0.3 });
  expect(new Set([...train, ...held])).toEqual(new Set(problems));
  expect(train.length + held.length).toBe(problems.length);
  expect(train).toEqual(problems.filter((problem) => train.includes(problem)));
});

test("a problem stays on its side whatever the order and the other problems", () => {
  const all = heldOut(problems, 1);
  expect(heldOut(problems.toReversed(), 1).toReversed()).toEqual(all);
  const half = problems.filter((_, i) => i % 2 === 0);
  expect(heldOut(half, 1)).toEqual(half.map((p) => p.question).filter((question) => all.includes(question)));
});

test("the split is this one in every version", () => {
  expect(heldOut(problems.slice(0, 30), 1)).toMatchInlineSnapshot(`
    [
      "What is 22 + 1?",
      "What is 27 + 1?",
    ]
  `);
});

test("equal questions stay together, with or without white space around them", () => {
  const doubled = problems.flatMap((p) => [p, problemOf(` ${p.question}\n`)]);
  expect(heldOut(doubled, 1)).toHaveLength(2 * heldOut(problems, 1).length);
});

test("the share is near its ratio, within four standard deviations, and seeds differ", () => {
  for (const ratio of [0.02, 0.1, 0.5]) {
    const deviation = Math.sqrt(ratio * (1 - ratio) * problems.length);
    for (const seed of [0, 1, 2]) {
      const difference = heldOut(problems, seed, ratio).length - ratio * problems.length;
      expect(Math.abs(difference)).toBeLessThan(4 * deviation);
    }
  }
  expect(heldOut(problems, 1)).not.toEqual(heldOut(problems, 2));
  const other = new Set(heldOut(problems, 2, 0.5));
  const inBoth = heldOut(problems, 1, 0.5).filter((question) => other.has(question));
  expect(Math.abs(inBoth.length - 500)).toBeLessThan(100);
});

test("nothing is held out at 0, and a share that leaves nothing to train on is refused", () => {
  expect(heldOut(problems, 1, 0)).toEqual([]);
  for (const heldOutRatio of [1, -0.1, Number.NaN])
    expect(() => splitProblems(problems, { seed: 1, heldOutRatio })).toThrow(/held-out share is/);
});
