import { expect, test } from "vitest";

import { defineCommand, readArguments } from "../../src/node/command.ts";
import { COMMANDS } from "../../src/node/commands/index.ts";

const example = defineCommand({
  name: "example",
  summary: "for this test",
  usage: "<file> [options]",
  options: {
    steps: { type: "string", value: "number", description: "how many", default: "3" },
    quiet: { type: "boolean", description: "say less" },
  },
  takesNames: true,
  run: async () => {},
});

test("options and positionals are read, with defaults", () => {
  expect(readArguments(example, ["a.json", "--quiet"])).toEqual({
    values: { steps: "3", quiet: true },
    positionals: ["a.json"],
  });
});

test("an unknown option is refused with the nearest known one", () => {
  expect(() => readArguments(example, ["--step", "4"])).toThrow(
    "example has no option --step. Did you mean --steps? npm run gradus -- example --help lists them.",
  );
});

test("a missing value is refused in a sentence", () => {
  expect(() => readArguments(example, ["--steps"])).toThrow(/--steps.*npm run gradus -- example --help/s);
});

test("an argument without its option is refused where none is read", () => {
  expect(() => readArguments({ ...example, takesNames: false }, ["4"])).toThrow(
    'example takes no argument "4". A value needs its option in front: --steps.',
  );
});

test("raw arguments arrive unread", () => {
  const raw = { ...example, takesRawArguments: true };
  expect(readArguments(raw, ["--step", "4"]).positionals).toEqual(["--step", "4"]);
});

test("commands have names of their own and a summary of one line", () => {
  expect(new Set(COMMANDS.map(({ name }) => name)).size).toBe(COMMANDS.length);
  for (const { summary } of COMMANDS) expect(summary).toMatch(/^[^\n]{10,90}$/);
});
