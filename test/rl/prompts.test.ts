// Which prompts a step takes: every one once in a pass, in an order that seed and step decide alone.

import { describe, expect, test } from "vitest";

import { openModel } from "../../src/model/open-model.ts";
import { epochsAfter, promptsFrom, promptsOf } from "../../src/rl/prompts.ts";
import { tinyFiles, tinyInputs } from "./tiny-run.ts";

const ITEMS = Array.from({ length: 10 }, (_, i) => i);
const OPTIONS = { batchSize: 4, seed: 7, shuffle: true };

/** The items of step `step`, the first being 1. */
const batchAt = (step: number, { batchSize, ...order }: typeof OPTIONS): { item: number; key: number }[] =>
  promptsFrom(ITEMS, (step - 1) * batchSize, batchSize, order);

/** The items of steps 1 to `steps`, as one list. */
const taken = (steps: number, options = OPTIONS): { item: number; key: number }[] =>
  Array.from({ length: steps }, (_, i) => batchAt(i + 1, options)).flat();

describe("the prompts of steps", () => {
  test("are every prompt once in each pass, in a new order each time", () => {
    const items = taken(15).map(({ item }) => item);
    const passes = [0, 1, 2, 3, 4, 5].map((pass) => items.slice(10 * pass, 10 * pass + 10));
    for (const pass of passes) expect(pass.toSorted((a, b) => a - b)).toEqual(ITEMS);
    expect(new Set(passes.map(String)).size).toBe(6);
  });

  test("depend on seed and place alone, and on the seed", () => {
    expect(batchAt(9, OPTIONS)).toEqual(taken(15).slice(32, 36));
    expect(taken(3, { ...OPTIONS, seed: 8 })).not.toEqual(taken(3));
  });

  test("keep the order of the file where they are not shuffled", () => {
    const items = taken(3, { ...OPTIONS, shuffle: false }).map(({ item }) => item);
    expect(items).toEqual([...ITEMS, 0, 1]);
  });

  test("have keys that no other prompt of the run has", () => {
    const keys = taken(50).map(({ key }) => key);
    expect(keys).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  test("may be more than there are: a pass then ends within a step", () => {
    const items = taken(2, { ...OPTIONS, batchSize: 25 }).map(({ item }) => item);
    for (const start of [0, 10, 20, 30, 40])
      expect(items.slice(start, start + 10).toSorted((a, b) => a - b)).toEqual(ITEMS);
  });

  test("count passes, whole and begun", () => {
    expect([4, 20, 40].map((drawn) => epochsAfter(drawn, 10))).toEqual([0.4, 2, 4]);
  });
});

describe("problems as prompts", async () => {
  const model = await openModel(tinyFiles(), "tiny");
  const { problems } = await tinyInputs();
  const lengths = promptsOf(model, problems.train, 1000).prompts.map(({ tokens }) => tokens.length);

  test("go through the chat template and end where the model is to answer", () => {
    const [{ tokens, problem }] = promptsOf(model, problems.train, 1000).prompts as [
      { tokens: number[]; problem: (typeof problems.train)[number] },
    ];
    expect(model.tokenizer.decode(tokens)).toBe(
      `<|im_start|>user\n${problem.question}<|im_end|>\n<|im_start|>assistant\n`,
    );
  });

  test("that are too long are left out and counted", () => {
    const limit = Math.max(...lengths) - 1;
    const { prompts, tooLong } = promptsOf(model, problems.train, limit);
    expect(tooLong).toBe(lengths.filter((length) => length > limit).length);
    expect(tooLong).toBeGreaterThan(0);
    expect(prompts.length).toBe(lengths.length - tooLong);
  });

  test("are refused when every one is too long, with the shortest", () => {
    expect(() => promptsOf(model, problems.train, 5)).toThrow(
      `Every problem is longer than the longest prompt of 5 tokens; the shortest has ${Math.min(...lengths)}.`,
    );
    expect(promptsOf(model, [], 5)).toEqual({ prompts: [], tooLong: 0 });
  });
});
