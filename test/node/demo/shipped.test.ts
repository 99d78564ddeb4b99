// The files of public/demo belong together and are what the generator writes today: a changed story or tokenizer without
// a new model is caught here, because it would give a model that answers nothing without any error.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { chatTemplateOf } from "../../../src/formats/chat-template.ts";
import { readDataset } from "../../../src/formats/dataset.ts";
import type { JsonObject } from "../../../src/formats/json.ts";
import { openTokenizer } from "../../../src/formats/tokenizer.ts";
import { parseDecoderConfig } from "../../../src/model/config.ts";
import { fileProblems, problemRows, taskFiles } from "../../../src/node/demo/files.ts";
import { DEMO_CONFIG, GATES } from "../../../src/node/demo/recipe.ts";
import { trainTokenizer } from "../../../src/node/demo/tokenizer.ts";
import { sourceOf } from "../../formats/fixtures.ts";

const FOLDER = new URL("../../../public/demo/", import.meta.url);
const NAMES = [
  "config.json",
  "demo.json",
  "model.onnx",
  "test.jsonl",
  "tokenizer.json",
  "tokenizer_config.json",
  "train.jsonl",
];
const MOST_BYTES = 2_000_000;

const bytes = (name: string): Buffer => readFileSync(new URL(name, FOLDER));
const json = (name: string): JsonObject => JSON.parse(bytes(name).toString()) as JsonObject;

describe.skipIf(!existsSync(new URL("demo.json", FOLDER)))("public/demo", () => {
  test("holds what the page loads and nothing else, in at most 2 MB", () => {
    const names = readdirSync(FOLDER).toSorted();
    expect(names).toEqual(NAMES);
    const total = names.reduce((sum, name) => sum + statSync(new URL(name, FOLDER)).size, 0);
    expect(total).toBeLessThanOrEqual(MOST_BYTES);
  });

  test("tokenizer and model are those that were trained together", () => {
    const sums = json("demo.json")["sha256"] as Record<string, string>;
    expect(Object.keys(sums).toSorted()).toEqual(["model.onnx", "tokenizer.json"]);
    for (const [name, sum] of Object.entries(sums))
      expect(createHash("sha256").update(bytes(name)).digest("hex"), name).toBe(sum);
  });

  test("the model passed the gates", () => {
    const { working, direct, greedy } = json("demo.json")["scores"] as Record<string, number>;
    expect(working).toBeGreaterThanOrEqual(GATES.leastWorking);
    expect(direct).toBeLessThanOrEqual(GATES.mostDirect);
    expect(greedy).toBeLessThanOrEqual(GATES.mostDirect);
  });

  test("its text files are what the generator writes", () => {
    for (const [name, text] of Object.entries(taskFiles(trainTokenizer())))
      expect(bytes(name).toString() === text, `${name} as npm run gradus -- demo-model writes it`).toBe(true);
  });

  test("its tokenizer and configuration open as a model's do", async () => {
    const config = json("tokenizer_config.json");
    const tokenizer = await openTokenizer(sourceOf("tokenizer.json", bytes("tokenizer.json")), config);
    expect(parseDecoderConfig(json("config.json"))).toEqual({
      ...DEMO_CONFIG,
      eosTokenIds: [tokenizer.eosToken!.id],
    });
    const messages = [{ role: "user", content: "Ana has 2 pears." }];
    const text = chatTemplateOf(config).render(messages, { addGenerationPrompt: true });
    expect(text).toBe("<|im_start|>user\nAna has 2 pears.<|im_end|>\n<|im_start|>assistant\n");
    expect(tokenizer.encode(text).length).toBe(14);
  });

  test("its problems are read without a refusal, with the bare question as prompt", async () => {
    for (const side of ["train", "test"] as const) {
      const name = `${side}.jsonl`;
      const { problems, refused, format } = await readDataset(sourceOf(name, bytes(name)));
      expect({ format, refused }).toEqual({ format: "JSON Lines", refused: [] });
      const drawn = fileProblems(side);
      expect(problems.map(({ groundTruth }) => groundTruth)).toEqual(
        drawn.map(({ answer }) => String(answer)),
      );
      expect(problems.map(({ messages }) => messages)).toEqual(
        drawn.map(({ question }) => [{ role: "user", content: question }]),
      );
      for (const { question, messages, answer, groundTruth, dataSource } of problems) {
        expect(question).toBe(messages[0]!.content);
        expect(answer).toMatch(new RegExp(`=${groundTruth}\n#### ${groundTruth}$`));
        expect(dataSource).toBe("openai/gsm8k");
      }
      expect(problemRows(drawn)).toBe(bytes(name).toString());
    }
  });
});
