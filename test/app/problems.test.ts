// Which of the dropped files is trained on and which is held out, and that a share of one file is always the same.

import { describe, expect, test } from "vitest";

import { kindOfDataset, kindWords, openProblems, splitOf } from "../../src/app/problems.ts";
import type { ByteSource } from "../../src/formats/safetensors.ts";
import { sourceOf } from "../formats/fixtures.ts";
import { demoFile } from "../rl/tiny-run.ts";

const rows = (...numbers: number[]): string =>
  numbers.map((n) => JSON.stringify({ prompt: `What is ${n}?`, ground_truth: String(n) })).join("\n");
const file = (name: string, ...numbers: number[]): ByteSource => sourceOf(name, rows(...numbers));

describe("two files", () => {
  test.each([
    ["train.jsonl", "test.jsonl"],
    ["gsm8k.jsonl", "gsm8k-validation.jsonl"],
    ["latest.jsonl", "Dev.json"],
    ["test/train.jsonl", "test/held.test.jsonl"],
  ])("%s is trained on and %s is held out, in either order", async (train, test) => {
    const files = [file(train, 1, 2), file(test, 3)];
    for (const given of [files, files.toReversed()]) {
      const opened = await openProblems(given);
      const { train: taught, heldOut } = splitOf(opened, 0.5);
      expect(taught.map(({ groundTruth }) => groundTruth)).toEqual(["1", "2"]);
      expect(heldOut.map(({ groundTruth }) => groundTruth)).toEqual(["3"]);
      expect(opened.files.map(({ name }) => name)).toEqual([train, test]);
    }
  });

  test.each([
    [["a.jsonl", "b.jsonl"]],
    [["test.jsonl", "test2.jsonl", "train.jsonl"]],
    [["data/test/part.jsonl", "data/train/part.jsonl"]],
    [["a-test.jsonl", "b-test.jsonl"]],
  ])("%j are refused: it is not clear which to train on", async (names) => {
    await expect(openProblems(names.map((name) => file(name, 1)))).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringMatching(
        new RegExp(`^${names.length} files were given .*${names[0]}.*not clear`),
      ),
    });
  });
});

test("no file is refused", async () => {
  await expect(openProblems([])).rejects.toThrow("No file was given: drop one with problems.");
});

test("one file is trained on whatever its name, and a share of it is held out, always the same", async () => {
  const opened = await openProblems([demoFile("test.jsonl")]);
  expect(opened).toMatchObject({ name: "test.jsonl", test: undefined, refused: [] });
  const split = splitOf(opened, 0.25);
  expect(split).toEqual(splitOf(await openProblems([demoFile("test.jsonl")]), 0.25));
  expect(split.train.length + split.heldOut.length).toBe(200);
  expect(split.heldOut.length).toBeGreaterThan(30);
  expect(split.heldOut.length).toBeLessThan(70);
  const wider = splitOf(opened, 0.5).heldOut;
  expect(wider, "a larger share holds out the same ones and more").toEqual(
    expect.arrayContaining([...split.heldOut]),
  );
  expect(splitOf(opened, 0).heldOut).toEqual([]);
});

test("rows that cannot be used are told with their place, and with their file where there are two", async () => {
  const broken = `${rows(1)}\n{"prompt":"no truth"}`;
  const one = await openProblems([sourceOf("train.jsonl", broken)]);
  expect(one.refused).toEqual([{ where: "line 2", why: expect.stringMatching(/ground_truth/) }]);
  const two = await openProblems([sourceOf("train.jsonl", broken), file("test.jsonl", 3)]);
  expect(two.refused[0]!.where).toBe("train.jsonl, line 2");
  expect(two.name).toBe("train.jsonl and test.jsonl");
});

describe("preference pairs", () => {
  const pairs = (name: string, ...numbers: number[]): ByteSource =>
    sourceOf(
      name,
      numbers
        .map((n) => JSON.stringify({ prompt: `What is ${n}?`, chosen: String(n), rejected: "unknown" }))
        .join("\n"),
    );
  const MANY = Array.from({ length: 40 }, (_, i) => i);

  test("in two files are trained on and held out", async () => {
    const { train, heldOut } = splitOf(
      await openProblems([pairs("test.jsonl", 3), pairs("a.jsonl", 1, 2)]),
      0.5,
    );
    expect(train.map(({ pair }) => pair!.chosen)).toEqual(["1", "2"]);
    expect(heldOut.map(({ pair }) => pair!.chosen)).toEqual(["3"]);
  });

  test("with a file of questions to test with keep a held-out share, too", async () => {
    const opened = await openProblems([pairs("pairs.jsonl", ...MANY), file("test.jsonl", 100, 101)]);
    expect([kindOfDataset(opened.train), kindWords(opened.train)]).toEqual(["pairs", "preference pairs"]);
    const { train, heldOut } = splitOf(opened, 0.25);
    const given = heldOut.filter(({ pair }) => pair);
    expect(given.length).toBeGreaterThan(0);
    expect(given.length + train.length).toBe(40);
    expect(heldOut.slice(given.length).map(({ groundTruth }) => groundTruth)).toEqual(["100", "101"]);
  });

  test("to test with problems to train on are refused", async () => {
    await expect(openProblems([file("train.jsonl", 1), pairs("test.jsonl", 2)])).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringMatching(
        /^train\.jsonl has problems to train on and test\.jsonl preference pairs/,
      ),
    });
  });
});
