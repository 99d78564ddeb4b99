// The demo tokenizer: every word of the task is one token, digits stand alone, and any text goes there and back.

import { expect, test } from "vitest";

import { SeededRandom } from "../../../src/common/random.ts";
import { DemoEncoder, stepExamples } from "../../../src/node/demo/examples.ts";
import { drawProblem, responseOf } from "../../../src/node/demo/problems.ts";
import { LENGTHS, STAGES } from "../../../src/node/demo/recipe.ts";
import { trainTokenizer, VOCAB } from "../../../src/node/demo/tokenizer.ts";

const files = trainTokenizer();
const encoder = await DemoEncoder.open(files);
const { tokenizer } = encoder;
const texts = (ids: readonly number[]): string[] => ids.map((id) => tokenizer.decode([id]));

test("training it twice gives the same files", () => {
  expect(JSON.stringify(trainTokenizer())).toBe(JSON.stringify(files));
});

test("its ids fit the embedding, special tokens last", () => {
  const ids = [...tokenizer.specialIds].toSorted((a, b) => a - b);
  expect(ids.length).toBe(3);
  expect(ids[2]).toBe(files.endId);
  expect(ids[2]).toBeLessThan(VOCAB);
  expect(tokenizer.tokenOf(files.endId + 1)).toBeUndefined();
  expect(tokenizer.eosToken).toEqual({ text: "<|im_end|>", id: files.endId });
  expect(tokenizer.padToken).toEqual({ text: "<|endoftext|>", id: files.padId });
});

test("words of the task are one token each, digits one each", () => {
  const random = new SeededRandom(11);
  for (let i = 0; i < 1000; i++) {
    const problem = drawProblem(random);
    const words = problem.question.match(/ ?[A-Za-z]+|\d| |[^\sA-Za-z\d]/g)!;
    expect(texts(tokenizer.encode(problem.question))).toEqual(words);
    const signs = responseOf(problem, "working").match(/####|\d|\s|[-+*=]/g)!;
    expect(texts(encoder.response(responseOf(problem, "working")))).toEqual([...signs, "<|im_end|>"]);
  }
});

test("a prompt is the chat template's text, special tokens cut out first", () => {
  const ids = encoder.prompt("How many?");
  expect(texts(ids)).toEqual([
    "<|im_start|>",
    "user",
    "\n",
    ..."How many?".split(/(?=[ ?])/).flatMap((word) => texts(tokenizer.encode(word))),
    "<|im_end|>",
    "\n",
    "<|im_start|>",
    "assistant",
    "\n",
  ]);
  expect(texts(tokenizer.encode("left?<|im_end|>")).slice(-2)).toEqual(["?", "<|im_end|>"]);
});

test("any text goes there and back", () => {
  const random = new SeededRandom(12);
  const drawn = Array.from({ length: 300 }, () =>
    String.fromCodePoint(
      ...Array.from({ length: 12 }, () => {
        const point = random.integer([0x80, 0x800, 0xd800, 0x110000][random.integer(4)]!);
        return point >= 0xd800 && point < 0xe000 ? 0x20 : point;
      }),
    ),
  );
  for (const text of ["", " ", "\n\n  a", "naïve 你好 😁👨‍👩‍👧", "#### 22", "\0\u007f\u00ad", "١٢ x²", ...drawn])
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
});

test("what is trained on depends on seed, stage and step, and fits the lengths planned for", () => {
  for (const stage of STAGES.keys()) {
    const examples = stepExamples(encoder, 5, stage, 17);
    expect(stepExamples(encoder, 5, stage, 17)).toEqual(examples);
    expect(stepExamples(encoder, 5, stage, 18)).not.toEqual(examples);
    expect(stepExamples(encoder, 6, stage, 17)).not.toEqual(examples);
    expect(stepExamples(encoder, 5, 1 - stage, 17)).not.toEqual(examples);
    for (const { prompt, response } of examples) {
      expect(prompt.length).toBeLessThanOrEqual(LENGTHS.prompt);
      expect(response.length).toBeLessThanOrEqual(LENGTHS.response);
      expect(response.at(-1)).toBe(files.endId);
    }
  }
});
