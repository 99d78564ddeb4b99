// Whatever bytes come, a reader gives a valid result or a UserError: small files of every form, damaged at random.

import { expect, test } from "vitest";
import { SeededRandom } from "../../src/common/random.ts";
import { chatTemplateOf } from "../../src/formats/chat-template.ts";
import { readDataset } from "../../src/formats/dataset.ts";
import type { JsonObject } from "../../src/formats/json.ts";
import { readJsonObject } from "../../src/formats/json.ts";
import type { ByteSource } from "../../src/formats/safetensors.ts";
import { openTokenizer } from "../../src/formats/tokenizer.ts";
import { fixture, sourceOf } from "./fixtures.ts";
import { BYTE_LEVEL, SENTENCE_PIECE } from "./tiny-tokenizers.ts";

const ROUNDS = 150;
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const line = fixture("datasets/gsm8k-20.jsonl");
const rows = new TextDecoder()
  .decode(line)
  .trim()
  .split("\n")
  .slice(0, 3)
  .map((text) => JSON.parse(text) as JsonObject);

/** Changes bytes, cuts, repeats a piece, or replaces a JSON value; one to three times. */
function damage(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  let damaged = new Uint8Array(bytes);
  for (let times = random.integer(3); times >= 0; times--) {
    const [a, b] = [random.integer(damaged.length + 1), random.integer(damaged.length + 1)].sort(
      (x, y) => x - y,
    );
    const kind = random.integer(5);
    if (kind === 0) damaged = damaged.slice(0, b);
    else if (kind === 1) damaged = Buffer.concat([damaged.subarray(0, a), damaged.subarray(b)]);
    else if (kind === 2) damaged = Buffer.concat([damaged.subarray(0, b), damaged.subarray(a)]);
    else if (kind === 3) damaged = replaceValue(damaged, random);
    else if (damaged.length > 0) damaged[random.integer(damaged.length)] = random.integer(256);
  }
  return damaged;
}

/** Puts a value of another kind after one of the colons, which leaves JSON whole far more often than noise does. */
function replaceValue(bytes: Uint8Array, random: SeededRandom): Uint8Array<ArrayBuffer> {
  const text = new TextDecoder("latin1").decode(bytes);
  const values = [...text.matchAll(/:\s*("(?:[^"\\]|\\.)*"|-?\d+|null|true|false|\[|\{)/g)];
  if (values.length === 0) return new Uint8Array(bytes);
  const { 0: found, index } = values[random.integer(values.length)]!;
  const other = ["null", "7", '""', '"x"', "[]", "{}", "[null]", "-1", "1e99", "true"][random.integer(10)]!;
  return new Uint8Array(
    Buffer.from(`${text.slice(0, index)}:${other}${text.slice(index + found.length)}`, "latin1"),
  );
}

async function survives(bytes: Uint8Array, read: (source: ByteSource) => Promise<void>): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const source = sourceOf("file.json", damage(bytes, new SeededRandom(round)));
    const outcome = await read(source).then(
      () => "read",
      (error: unknown) => (error instanceof Error && error.name === "UserError" ? "refused" : error),
    );
    expect(["read", "refused"], `round ${round}`).toContain(outcome);
  }
}

const readProblems = async (source: ByteSource): Promise<void> => {
  const { problems } = await readDataset(source);
  expect(problems.length).toBeGreaterThan(0);
  for (const { messages, groundTruth, question } of problems) {
    expect([groundTruth, question].every((text) => typeof text === "string")).toBe(true);
    expect(
      messages.every(({ role, content }) => typeof role === "string" && typeof content === "string"),
    ).toBe(true);
  }
};

for (const [name, bytes] of [
  ["JSON Lines", line.subarray(0, 2000)],
  ["JSON", encode(rows)],
  [
    "prompts",
    encode(rows.map(({ question }) => ({ prompt: question, ground_truth: "1", data_source: "x" }))),
  ],
  ["server rows", encode({ rows: rows.map((row, row_idx) => ({ row_idx, row, truncated_cells: [] })) })],
  ["parquet", fixture("datasets/gsm8k-20.parquet")],
  ["verl's parquet", fixture("datasets/verl-20.parquet")],
] as const) {
  test(`a damaged dataset (${name}) is read or refused`, () => survives(bytes, readProblems));
}

for (const [name, value] of [
  ["over bytes", BYTE_LEVEL],
  ["with marked spaces", SENTENCE_PIECE],
] as const) {
  test(`a damaged tokenizer (${name}) is read or refused`, () =>
    survives(encode(value), async (source) => {
      const tokenizer = await openTokenizer(source);
      expect(tokenizer.decode(tokenizer.encode("hi 1 <|end|> 你\n"))).toBeTypeOf("string");
    }));
}

test("a damaged chat template is read or refused", () =>
  survives(fixture("qwen2.5-tokenizer/tokenizer_config.json"), async (source) => {
    const template = chatTemplateOf(await readJsonObject(source));
    const text = template.render([{ role: "user", content: "Hi" }], { addGenerationPrompt: true });
    expect(text).toBeTypeOf("string");
  }));
