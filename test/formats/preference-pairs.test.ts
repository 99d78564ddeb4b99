// Rows of preference pairs in the forms that TRL documents, and what is refused of them.

import { describe, expect, test } from "vitest";

import { isPairRow, responsePairOf } from "../../src/formats/preference-pairs.ts";

const USER = { role: "user", content: "What colour is the sky?" };
const SYSTEM = { role: "system", content: "Be brief." };
const says = (content: string) => ({ role: "assistant", content });
const WANTED = { messages: [USER], chosen: "Blue.", rejected: "Green." };

describe("a pair is read from", () => {
  test.each([
    ["texts", { prompt: USER.content, chosen: "Blue.", rejected: "Green." }, WANTED],
    ["messages", { prompt: [USER], chosen: [says("Blue.")], rejected: [says("Green.")] }, WANTED],
    [
      "conversations without a prompt",
      { chosen: [USER, says("Blue.")], rejected: [USER, says("Green.")] },
      WANTED,
    ],
    [
      "a prompt that its conversations repeat",
      { prompt: USER.content, chosen: [USER, says("Blue.")], rejected: [USER, says("Green.")] },
      WANTED,
    ],
    [
      "conversations with a system message that the prompt leaves out",
      {
        prompt: USER.content,
        chosen: [SYSTEM, USER, says("Blue.")],
        rejected: [SYSTEM, USER, says("Green.")],
      },
      { ...WANTED, messages: [SYSTEM, USER] },
    ],
    [
      "parquet, where a column may be null",
      { prompt: null, chosen: [USER, says("Blue.")], rejected: [USER, says("Green.")] },
      WANTED,
    ],
  ])("%s", (_, row, wanted) => {
    expect(isPairRow(row)).toBe(true);
    expect(responsePairOf(row)).toEqual(wanted);
  });
});

describe("what is no pair is refused with the reason", () => {
  test.each([
    [{ prompt: "a", chosen: "b", rejected: "b" }, /are the same, so there is nothing to prefer/],
    [{ chosen: "b", rejected: "c" }, /has no prompt/],
    [{ prompt: "a", chosen: " ", rejected: "c" }, /its chosen is empty/],
    [{ prompt: " ", chosen: "b", rejected: "c" }, /its prompt is empty/],
    [{ prompt: [], chosen: "b", rejected: "c" }, /its prompt is an empty list/],
    [{ prompt: "a", chosen: 3, rejected: "c" }, /its chosen is a number/],
    [{ prompt: "a", chosen: [{ role: "assistant" }], rejected: "c" }, /message 1 of its chosen needs/],
    [{ prompt: "a", chosen: [USER], rejected: [says("c")] }, /its chosen is of role user/],
    [{ chosen: [USER, says("b")], rejected: [SYSTEM, says("c")] }, /answer two prompts/],
    [
      { prompt: "another", chosen: [USER, says("b")], rejected: [USER, says("c")] },
      /begin with messages that are not its prompt/,
    ],
  ])("%j", (row, why) => {
    expect(() => responsePairOf(row)).toThrow(why);
  });

  test.each([[{ prompt: "a", chosen: "b" }], [{ prompt: "a", chosen: "b", rejected: null }], [[]], [null]])(
    "%j is not meant as one",
    (row) => {
      expect(isPairRow(row)).toBe(false);
    },
  );
});
