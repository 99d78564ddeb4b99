// Files of preference pairs, in every form a file of problems may have, and what is refused of a file that mixes the two.

import { describe, expect, test } from "vitest";

import { readDataset } from "../../src/formats/dataset.ts";
import { kindOf } from "../../src/formats/problem.ts";
import { splitProblems } from "../../src/formats/split.ts";
import { fixture, sourceOf } from "./fixtures.ts";

const USER = { role: "user", content: "What colour is the sky?" };
const says = (content: string) => [{ role: "assistant", content }];
const TEXTS = { prompt: USER.content, chosen: "Blue.", rejected: "Green." };
const MESSAGES = { prompt: [USER], chosen: says("Blue."), rejected: says("Green.") };
const PROBLEM = { question: "What is 1+1?", answer: "#### 2" };

const read = (name: string, content: unknown) => readDataset(sourceOf(name, content));
const lines = (...rows: readonly unknown[]): string => rows.map((row) => JSON.stringify(row)).join("\n");

test("JSON, JSON Lines and rows of the datasets server give the same pairs, of texts or of messages", async () => {
  const wanted = {
    messages: [USER],
    groundTruth: "",
    dataSource: "",
    question: USER.content,
    answer: "Blue.",
    pair: { chosen: "Blue.", rejected: "Green." },
    extraInfo: {},
  };
  for (const row of [TEXTS, MESSAGES]) {
    for (const [name, content] of [
      ["pairs.json", [row]],
      ["pairs.jsonl", lines(row)],
      ["rows.json", { rows: [{ row_idx: 0, row, truncated_cells: [] }] }],
    ] as const) {
      const { problems, refused } = await read(name, content);
      expect([problems, refused], name).toEqual([[wanted], []]);
      expect(kindOf(problems[0]!)).toBe("pairs");
    }
  }
});

test("parquet of texts, and of conversations without a prompt, gives the pairs that were written", async () => {
  for (const name of ["pairs.parquet", "pairs-chat.parquet"]) {
    const { format, problems, refused } = await read(name, fixture(`datasets/${name}`));
    expect([format, refused], name).toEqual(["Parquet", []]);
    expect(problems.map(({ messages, pair }) => [messages, pair])).toEqual([
      [[USER], { chosen: "Blue.", rejected: "Green." }],
      [[{ role: "user", content: "What is 2+3?" }], { chosen: "2+3=5\n#### 5", rejected: "#### 6" }],
      [[{ role: "user", content: "Name a prime above 10." }], { chosen: "11", rejected: "12" }],
    ]);
  }
});

test("a ground truth beside a pair is kept, and one that is none is not asked for", async () => {
  const { problems } = await read(
    "pairs.json",
    [4, "four", null, {}].map((ground_truth) => ({ ...TEXTS, ground_truth })),
  );
  expect(problems.map(({ groundTruth }) => groundTruth)).toEqual(["4", "four", "", ""]);
});

describe("of a file that mixes pairs and problems the first row decides", () => {
  test.each([
    [[TEXTS, PROBLEM, MESSAGES], "pairs", 2, "line 2", /^it is a problem, and .* begins with a preference/],
    [[PROBLEM, TEXTS], "problems", 1, "line 2", /^it is a preference pair, and .* begins with a problem/],
  ] as const)("%j", async (rows, kind, count, where, why) => {
    const { problems, refused } = await read("mixed.jsonl", lines(...rows));
    expect(problems.map(kindOf)).toEqual(Array.from({ length: count }, () => kind));
    expect(refused).toEqual([{ where, why: expect.stringMatching(why) }]);
  });
});

test("a row that cannot be used is refused with its reason, and the others stay", async () => {
  const { problems, refused } = await read(
    "pairs.jsonl",
    lines(
      TEXTS,
      { ...TEXTS, rejected: "Blue." },
      { prompt: "a", chosen: "b" },
      { prompt: "a", rejected: "b" },
    ),
  );
  expect(problems).toHaveLength(1);
  expect(refused.map(({ where, why }) => [where, why.split(":")[0]])).toEqual([
    ["line 2", "its chosen and rejected responses are the same, so there is nothing to prefer"],
    ["line 3", "it has a chosen response and no rejected one"],
    ["line 4", "it has a rejected response and no chosen one"],
  ]);
});

test("bytes that are not text are found in either response", async () => {
  const encoded = new TextEncoder().encode(lines(TEXTS, { ...TEXTS, rejected: "Gr~en." }));
  const damaged = encoded.map((byte) => (byte === 0x7e ? 0xff : byte));
  const { problems, refused } = await read("pairs.jsonl", damaged);
  expect(problems).toHaveLength(1);
  expect(refused).toEqual([{ where: "line 2", why: expect.stringMatching(/not UTF-8 text/) }]);
});

test("pairs of one prompt fall on one side of a split", async () => {
  const rows = Array.from({ length: 60 }, (_, i) => ({
    ...TEXTS,
    prompt: `Question ${i % 20}?`,
    chosen: `${i}`,
  }));
  const { problems } = await read("pairs.json", rows);
  const { train, heldOut } = splitProblems(problems, { seed: 0, heldOutRatio: 0.3 });
  const questions = new Set(train.map(({ question }) => question));
  expect(heldOut.length).toBeGreaterThan(0);
  expect(heldOut.every(({ question }) => !questions.has(question))).toBe(true);
});
