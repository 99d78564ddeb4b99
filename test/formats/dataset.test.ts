// Datasets: every form people keep problems in, against rows recorded from verl, and files that are not whole.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readDataset } from "../../src/formats/dataset.ts";
import type { Dataset } from "../../src/formats/dataset.ts";
import type { JsonObject } from "../../src/formats/json.ts";
import { verlRowOfGsm8k } from "../../src/formats/problem.ts";
import { fixture, fixtureJson, isShared, sharedPath, sourceOf } from "./fixtures.ts";

const read = (name: string, content: unknown): Promise<Dataset> => readDataset(sourceOf(name, content));

const GSM8K = { question: "What is 3 * 4?", answer: "3 * 4 = <<3*4=12>>12\n#### 12" };
const USER = { prompt: "解方程：x + 5 = 12", ground_truth: "7", data_source: "math_reasoning" };
const jsonl = fixture("datasets/gsm8k-20.jsonl");
const gsm8kLines = new TextDecoder().decode(jsonl).trim().split("\n");

describe("a GSM8K row becomes the row that verl makes of it", () => {
  type Recorded = { question: string; answer: string; error?: string; record?: JsonObject };
  const recorded = fixtureJson("datasets/gsm8k-preprocess.json") as Recorded[];

  for (const { question, answer, error, record } of recorded) {
    test(`${question} ${error ?? ""}`.trim(), () => {
      const index = (record?.["extra_info"] as { index: number } | undefined)?.index ?? 0;
      const convert = () => verlRowOfGsm8k({ question, answer }, { split: "train", index });
      if (record) expect(convert()).toEqual(record);
      else expect(convert).toThrow(/its answer has no number after "#### "/);
    });
  }
});

describe("every form gives the same problems", () => {
  test("JSON Lines, a JSON array, parquet, verl's parquet and JSON, and rows of the datasets server", async () => {
    const rows = gsm8kLines.map((line) => JSON.parse(line) as JsonObject);
    const verl = rows.map((row, index) => verlRowOfGsm8k(row, { split: "train", index }));
    const served = {
      features: [],
      rows: rows.map((row, row_idx) => ({ row_idx, row, truncated_cells: [] })),
    };
    const lines = await read("train.jsonl", jsonl);
    expect(lines.problems).toHaveLength(20);
    expect(lines.problems[0]).toMatchObject({ groundTruth: "72", dataSource: "openai/gsm8k" });
    for (const [name, content, format] of [
      ["data", jsonl, "JSON Lines"],
      ["data.json", rows, "JSON"],
      ["data.parquet", fixture("datasets/gsm8k-20.parquet"), "Parquet"],
      ["verl.parquet", fixture("datasets/verl-20.parquet"), "Parquet"],
      ["verl.json", verl, "JSON"],
      ["rows.json", served, "Hugging Face rows"],
    ] as const) {
      expect(await read(name, content)).toEqual({ name, format, problems: lines.problems, refused: [] });
    }
  });

  test("{prompt, ground_truth, data_source} is taken as it is", async () => {
    const { problems } = await read("mine.json", [USER]);
    expect(problems).toEqual([
      {
        messages: [{ role: "user", content: USER.prompt }],
        groundTruth: "7",
        dataSource: "math_reasoning",
        question: USER.prompt,
        extraInfo: {},
      },
    ]);
  });

  test("a file with one object has one problem, and a numeric ground truth becomes text", async () => {
    const { problems } = await read("one.json", { ...USER, ground_truth: 7 });
    expect(problems.map(({ groundTruth }) => groundTruth)).toEqual(["7"]);
  });

  test("verl's rows keep their system message, and the question is the last thing the user says", async () => {
    const prompt = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "2 + 2?" },
    ];
    const { problems } = await read("verl.json", [{ prompt, reward_model: { ground_truth: "4" } }]);
    expect(problems[0]).toMatchObject({
      messages: prompt,
      question: "2 + 2?",
      groundTruth: "4",
      dataSource: "",
    });
  });

  test("without extra_info, the question of a verl row is GSM8K's without the instruction", async () => {
    const { extra_info: _, ...row } = verlRowOfGsm8k(GSM8K, { split: "train", index: 0 });
    expect((await read("verl.json", [row])).problems[0]!.question).toBe(GSM8K.question);
  });

  test("the name of the file says the split, the datasets server says the index", async () => {
    expect((await read("latest.json", [GSM8K])).problems[0]!.extraInfo).toMatchObject({
      split: "train",
      index: 0,
    });
    const { problems } = await read("test.json", { rows: [{ row_idx: 1318, row: GSM8K }] });
    expect(problems[0]!.extraInfo).toMatchObject({ split: "test", index: 1318 });
  });

  test("byte order marks, UTF-16, CRLF and empty lines do no harm", async () => {
    const utf16 = Buffer.concat([
      Buffer.from([0xff, 0xfe]),
      Buffer.from(JSON.stringify([GSM8K, USER]), "utf16le"),
    ]);
    expect((await read("windows.json", utf16)).problems).toHaveLength(2);
    const lines = `\uFEFF${JSON.stringify(GSM8K)}\r\n\r\n${JSON.stringify(USER)}\r\n`;
    expect((await read("windows.jsonl", lines)).problems).toHaveLength(2);
  });
});

describe("a bad row is named and skipped, the others stay", () => {
  const refusals = async (name: string, content: unknown): Promise<[number, string[]]> => {
    const { problems, refused } = await read(name, content);
    return [problems.length, refused.map(({ where, why }) => `${where}: ${why}`)];
  };

  test("lines of JSON Lines are counted with empty ones", async () => {
    const content = [gsm8kLines[0], "", '{"question": "cut', gsm8kLines[1], "7"].join("\n");
    expect(await refusals("a.jsonl", content)).toEqual([
      2,
      [
        'line 3: it is not whole JSON (it starts with "{\\"question\\": \\"cut")',
        "line 5: it is a number, not an object with fields",
      ],
    ]);
  });

  test("a download of JSON Lines that was cut off keeps its whole lines", async () => {
    const [problems, refused] = await refusals("train.jsonl", jsonl.subarray(0, 5000));
    expect(refused).toEqual([expect.stringMatching(/^line \d+: it is not whole JSON/)]);
    expect(refused[0]).toContain(`line ${problems + 1}:`);
  });

  test("a JSON list that was cut off, or has a fault in a row, keeps its whole rows", async () => {
    const rows = gsm8kLines.slice(0, 3);
    const cut = /^row 3: it is not whole JSON \(it starts with "\{/;
    const end = "row 4: the file ends before it, as a download that was cut off does";
    for (const [content, problems, refused] of [
      [`[${rows}]`.slice(0, -40), 2, [expect.stringMatching(cut)]],
      [`[${rows}`, 3, [end]],
      [`[${rows},`, 3, [end]],
      [`[${rows},]`, 3, []],
      [
        `[${rows[0]}, {"question": oops, "answer": "[,]"}, ${rows[1]}]`,
        2,
        [expect.stringMatching(/^row 2:/)],
      ],
    ] as const) {
      expect(await refusals("a.json", content)).toEqual([problems, refused]);
    }
  });

  for (const [row, why] of [
    [null, /it is nothing, not an object/],
    [
      { text: "a", label: 1 },
      /it has neither question and answer nor prompt and ground_truth; its fields are: text/,
    ],
    [{ question: "Q?" }, /its answer is nothing: a text is needed/],
    [{ question: "", answer: "#### 1" }, /its question is empty/],
    [{ question: "Q?", answer: "It is 4." }, /its answer has no number after "#### "/],
    [{ prompt: "Q?" }, /its ground_truth is nothing/],
    [{ prompt: "Q?", ground_truth: ["1"] }, /its ground_truth is a list/],
    [{ prompt: "Q?", reward_model: { ground_truth: "" } }, /its ground_truth is empty/],
    [{ prompt: 5, ground_truth: "1" }, /its prompt is a number: a text or a list of chat messages/],
    [{ prompt: [], ground_truth: "1" }, /its prompt is an empty list/],
    [{ prompt: ["Q?"], ground_truth: "1" }, /message 1 of its prompt needs a role and a content/],
    [{ prompt: [{ role: "user", content: [] }], ground_truth: "1" }, /message 1 of its prompt/],
    [{ ...USER, data_source: 3 }, /its data_source is a number/],
  ] as const) {
    test(JSON.stringify(row), async () => {
      const [problems, refused] = await refusals("a.json", [GSM8K, row, USER]);
      expect(problems).toBe(2);
      expect(refused).toEqual([expect.stringMatching(new RegExp(`^row 2: ${why.source}`))]);
    });
  }

  test("cells that the datasets server cut short are not trained on", async () => {
    const rows = [{ row: GSM8K }, { row_idx: 7, row: GSM8K, truncated_cells: ["answer"] }];
    expect(await refusals("rows.json", { rows })).toEqual([
      1,
      ["row 8: the datasets server cut its answer short; download the parquet file"],
    ]);
  });

  test("a row with bytes that are not UTF-8 is refused, a row with U+FFFD in a good file is not", async () => {
    const bytes = Buffer.concat([jsonl.subarray(0, 30), Buffer.from([0xff]), jsonl.subarray(31)]);
    const [problems, refused] = await refusals("a.jsonl", bytes);
    expect([problems, refused]).toEqual([19, [expect.stringMatching(/line 1: .*not UTF-8/)]]);
    const good = { ...GSM8K, question: "What is \uFFFD?" };
    expect(await refusals("a.json", [good])).toEqual([1, []]);
  });
});

describe("a file that is no dataset is refused with the reason", () => {
  const parquet = fixture("datasets/gsm8k-20.parquet");
  const array = JSON.stringify([GSM8K, GSM8K], null, 1);
  for (const [what, name, content, message] of [
    ["empty", "a.json", "", /^a\.json is empty\. Problems come as/],
    ["white space", "a.json", " \n", /only white space/],
    ["an empty list", "a.json", "[]", /no rows/],
    ["truncated JSON", "a.json", array.slice(0, 30), /is not whole JSON: it ends inside a text \(line 3\)/],
    ["a comma too many", "a.json", "[1,]", /a character that JSON does not allow/],
    ["JSON without questions", "package.json", { name: "gradus" }, /1 refused.*its fields are: name/],
    ["rows that are no list", "a.json", { rows: 7 }, /has a number under "rows"/],
    ["an error of the server", "rows.json", { error: "not found" }, /is an error message.*"not found"/],
    ["a web page", "train.jsonl", "<!DOCTYPE html>", /it starts with "<!DOCTYPE html>"/],
    ["an archive", "train.jsonl.gz", Uint8Array.of(0x1f, 0x8b, 8, 0), /is an archive\. Unpack it/],
    ["parquet without questions", "a", fixture("datasets/no-questions.parquet"), /columns are: text, label/],
    ["parquet packed with zstd", "a", fixture("datasets/zstd.parquet"), /compressed with ZSTD.*snappy/],
    ["parquet cut at the end", "a", parquet.subarray(0, 5000), /not a whole parquet file/],
    ["four bytes of parquet", "a", parquet.subarray(0, 4), /not a whole parquet file/],
    ["parquet without its middle", "a", cutMiddle(parquet), /not a whole parquet file/],
  ] as const) {
    test(what, async () => {
      await expect(read(name, content)).rejects.toMatchObject({
        name: "UserError",
        message: expect.stringMatching(message),
      });
    });
  }

  test("50 MB of random bytes, whatever they begin with", { timeout: 60_000 }, async () => {
    const noise = new Uint8Array(50 * 2 ** 20);
    for (let at = 0; at < noise.length; at += 65536)
      crypto.getRandomValues(noise.subarray(at, Math.min(at + 65536, noise.length)));
    for (const start of ["\0", "{", "[", "PAR1"]) {
      noise.set(new TextEncoder().encode(start));
      await expect(read("noise", noise)).rejects.toMatchObject({ name: "UserError" });
    }
  });

  function cutMiddle(bytes: Uint8Array): Uint8Array {
    return Buffer.concat([bytes.subarray(0, 2000), bytes.subarray(4000)]);
  }
});

const TRAIN = "gsm8k/train.jsonl";
test.skipIf(!isShared(TRAIN))("GSM8K's 7,473 problems load in under a second", async () => {
  const bytes = readFileSync(sharedPath(TRAIN));
  const start = performance.now();
  const { problems, refused } = await read("train.jsonl", bytes);
  const seconds = (performance.now() - start) / 1000;
  expect([problems.length, refused]).toEqual([7473, []]);
  expect(seconds).toBeLessThan(1);
});
