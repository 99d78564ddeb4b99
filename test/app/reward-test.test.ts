// What a reward function is tried on before anything is trained, and what comes back.

import { expect, test } from "vitest";

import { openProblems } from "../../src/app/problems.ts";
import { testReward, testSamples } from "../../src/app/reward-test.ts";
import { bytesSource } from "../../src/formats/safetensors.ts";

const rows = [
  { data_source: "own/maps", prompt: "Where is Paris?", ground_truth: "France", extra_info: { level: 3 } },
  { question: "What is 3 + 4?", answer: "3 + 4 = 7\n#### 7" },
  { prompt: "What is 2 + 2?", ground_truth: 4 },
];
const problems = await openProblems([
  bytesSource("own.jsonl", new TextEncoder().encode(rows.map((row) => JSON.stringify(row)).join("\n"))),
]);
const LENGTH = "function computeScore(source, solution) {\n  return solution.length;\n}";

test("without a run: worked answers of the first problems, a wrong one, and none", () => {
  const samples = testSamples(problems, undefined);
  expect(samples.map(({ name, response }) => [name, response])).toEqual([
    ["Worked answer 1", "#### France"],
    ["Worked answer 2", "3 + 4 = 7\n#### 7"],
    ["Worked answer 3", "#### 4"],
    ["Wrong answer to the first", "#### something else"],
    ["No answer to the first", "I do not know."],
  ]);
  expect(testSamples(undefined, undefined).map(({ response }) => response)).toContain("#### 8");
});

test("of a run: the responses on show, with what the problems know of the question", async () => {
  const group = {
    step: 4,
    question: "Where is Paris?",
    groundTruth: "France",
    responses: ["France", "Texas?"],
  };
  const samples = testSamples(problems, group);
  const code =
    "function computeScore(source, solution, truth, extra) { return (source === 'own/maps') + extra.level + (solution === truth); }";
  expect(await testReward(code, 1000, samples)).toEqual({
    tested: [
      { name: "Response 1 of step 4", response: "France", groundTruth: "France", score: 5 },
      { name: "Response 2 of step 4", response: "Texas?", groundTruth: "France", score: 4 },
    ],
    untested: 0,
  });
  const unknown = testSamples(problems, { ...group, question: "Of another file" });
  expect(unknown.map(({ problem }) => problem.groundTruth)).toEqual(["France", "France"]);
});

test("a text that is no function is told once; one that fails at some responses, at each of them", async () => {
  const samples = testSamples(problems, undefined);
  expect(await testReward("function f(", 1000, samples)).toMatchObject({ fault: { line: 1 }, tested: [] });
  const { tested, fault } = await testReward(
    LENGTH.replace("return", "if (solution.length > 12) null.x; return"),
    1000,
    samples,
  );
  expect(fault).toBeUndefined();
  expect(tested.map(({ score, fault: own }) => score ?? own?.line)).toEqual([11, 2, 6, 2, 2]);
});

test("a function that uses up its time does not keep a person waiting for every response", async () => {
  const many = Array.from({ length: 50 }, () => testSamples(problems, undefined)[0]!);
  const { tested, untested } = await testReward("function computeScore() {\n  for (;;);\n}", 1500, many);
  expect(tested.length).toBeLessThan(5);
  expect(untested).toBe(50 - tested.length);
  expect(tested[0]!.fault?.message).toMatch(/longer than 1500 ms/);
});
