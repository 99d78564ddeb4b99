// docs/algorithms.md is what the lists say now, and says something of each entry.

import { expect, test } from "vitest";

import { ALGORITHMS_FILE, algorithmsMarkdown } from "../../src/node/docs/algorithms.ts";
import { fileHeader } from "../../src/node/docs/file-headers.ts";
import { ADVANTAGE_ESTIMATORS } from "../../src/rl/advantages/index.ts";
import { POLICY_LOSSES } from "../../src/rl/losses/index.ts";
import { METRICS } from "../../src/rl/metrics.ts";
import { GROUNDS, PRESETS } from "../../src/rl/presets/index.ts";
import { read } from "../files.ts";

const text = algorithmsMarkdown();

test("the file is up to date; npm run gradus -- docs writes it", () => {
  expect(read(ALGORITHMS_FILE)).toBe(text);
});

test("it names every loss, estimator, metric and form of a recipe", () => {
  const names = [
    ...POLICY_LOSSES.map(({ id }) => id),
    ...ADVANTAGE_ESTIMATORS.map(({ id }) => id),
    ...METRICS.map(({ key }) => key),
    ...PRESETS.filter(({ ground }) => ground === GROUNDS[0]).map(({ form }) => form),
  ];
  expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

test.each(POLICY_LOSSES)("the file of the loss $id has its formula and source in its head", ({ id }) => {
  const { formula, source } = fileHeader("losses", id);
  expect(formula).toMatch(/=/);
  expect(source).not.toBe("");
});

test.each(ADVANTAGE_ESTIMATORS)("the file of the estimator $id has its source in its head", ({ id }) => {
  expect(fileHeader("advantages", id).source).toMatch(/verl|TRL|arXiv/);
});

test("every link within it leads to a heading", () => {
  const anchorOf = (heading: string): string =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .trim()
      .replaceAll(" ", "-");
  const anchors = new Set([...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!)));
  const links = [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor!);
  expect(links.length).toBeGreaterThan(20);
  expect(links.filter((anchor) => !anchors.has(anchor))).toEqual([]);
});
