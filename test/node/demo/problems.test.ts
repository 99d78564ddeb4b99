// The demo task: the same problems for the same seed, answers that hold, nothing held out in what is trained on.

import { describe, expect, test } from "vitest";

import { SeededRandom } from "../../../src/common/random.ts";
import { fileProblems } from "../../../src/node/demo/files.ts";
import {
  distinctProblems,
  drawProblem,
  drawProblemOf,
  drawStyle,
  isHeldOut,
  responseOf,
} from "../../../src/node/demo/problems.ts";
import { ONE_STEP, TWO_STEP } from "../../../src/node/demo/stories.ts";
import { scoreSolution } from "../../../src/rl/rewards/gsm8k.ts";

const DRAWS = 20_000;
const problems = (() => {
  const random = new SeededRandom(3);
  return Array.from({ length: DRAWS }, () => drawProblem(random));
})();

/** The result of "9+4" by another way than the generator's. */
function valueOf(sum: string): number {
  const [, left, operator, right] = /^(\d+)([-+*])(\d+)$/.exec(sum)!;
  const sign = operator === "-" ? -1 : 1;
  return operator === "*" ? Number(left) * Number(right) : Number(left) + sign * Number(right);
}

describe("problems", () => {
  test("equal seeds draw equal problems, other seeds others", () => {
    const draw = (seed: number) => distinctProblems(new SeededRandom(seed), "train", 50);
    expect(draw(7)).toEqual(draw(7));
    expect(draw(8)).not.toEqual(draw(7));
  });

  test("every story occurs, one step in about three of ten", () => {
    const stories = new Set(problems.map(({ key }) => key.split("|")[0]));
    expect(stories).toEqual(new Set([...ONE_STEP, ...TWO_STEP].map(({ id }) => id)));
    expect([ONE_STEP.length, TWO_STEP.length]).toEqual([6, 12]);
    const oneStep = problems.filter(({ steps }) => steps.length === 1).length / DRAWS;
    // Five standard deviations of a share of 0.3.
    expect(Math.abs(oneStep - 0.3)).toBeLessThan(5 * Math.sqrt(0.21 / DRAWS));
  });

  test("every step is right, every result is 1 to 60, and the last one is the answer", () => {
    for (const { steps, answer, key } of problems) {
      for (const { sum, result } of steps) {
        expect(valueOf(sum), key).toBe(result);
        expect(result >= 1 && result <= 60, key).toBe(true);
      }
      expect(answer).toBe(steps.at(-1)!.result);
      if (steps.length === 2) expect(steps[1]!.sum.split(/\D/)).toContain(String(steps[0]!.result));
    }
  });

  test("texts are filled in, with different names for different people", () => {
    for (const { question } of problems) {
      expect(question).not.toMatch(/[{}]|undefined/);
      expect(question).toMatch(/^[A-Z].*\?$/);
    }
    const [together] = problems.filter(({ key }) => key.startsWith("three-together"));
    const names = together!.question.match(/\b[A-Z][a-z]+(?= has)/g)!;
    expect(new Set(names).size).toBe(3);
  });
});

describe("what is held out", () => {
  test("neither side ever draws a problem of the other", () => {
    const random = new SeededRandom(4);
    for (let i = 0; i < 2000; i++) {
      expect(isHeldOut(drawProblemOf(random, "train").key)).toBe(false);
      expect(isHeldOut(drawProblemOf(random, "test").key)).toBe(true);
    }
  });

  test("it is about a tenth of the keys", () => {
    const keys = [...new Set(problems.map(({ key }) => key))];
    expect(keys.length).toBeGreaterThan(5000);
    const share = keys.filter(isHeldOut).length / keys.length;
    expect(Math.abs(share - 0.1)).toBeLessThan(5 * Math.sqrt(0.09 / keys.length));
  });

  test("the two files share no key and no text, and the held-out problems all differ", () => {
    const [train, heldOut] = [fileProblems("train"), fileProblems("test")];
    expect([train.length, heldOut.length]).toEqual([2000, 200]);
    expect(new Set(heldOut.map(({ key }) => key)).size).toBe(200);
    for (const mark of ["key", "question"] as const) {
      const known = new Set(train.map((problem) => problem[mark]));
      expect(heldOut.filter((problem) => known.has(problem[mark]))).toEqual([]);
    }
    expect(new Set(train.map(({ question }) => question)).size).toBe(2000);
  });
});

describe("responses", () => {
  test("two steps of working are written as the model is to write them", () => {
    const steps = [
      { sum: "9+4", result: 13 },
      { sum: "13+9", result: 22 },
    ];
    const problem = { question: "", steps, answer: 22, key: "" };
    expect(responseOf(problem, "working")).toBe("9+4=13\n13+9=22\n#### 22");
    expect(responseOf(problem, "direct")).toBe("#### 22");
    expect(responseOf(problem, "unmarked")).toBe("9+4=13\n13+9=22\nSo 22.");
  });

  test("marked responses earn the reward, unmarked ones do not", () => {
    for (const problem of problems.slice(0, 500)) {
      const score = (style: Parameters<typeof responseOf>[1]) =>
        scoreSolution(responseOf(problem, style), String(problem.answer), "strict", 0);
      expect([score("direct"), score("working"), score("unmarked")]).toEqual([1, 1, 0]);
    }
  });

  test("styles are drawn by their shares", () => {
    const random = new SeededRandom(5);
    const counts = { direct: 0, working: 0, unmarked: 0 };
    for (let i = 0; i < DRAWS; i++) counts[drawStyle(random, { direct: 0.5, working: 0.35 })]++;
    for (const [style, share] of [
      ["direct", 0.5],
      ["working", 0.35],
      ["unmarked", 0.15],
    ] as const)
      expect(Math.abs(counts[style] / DRAWS - share), style).toBeLessThan(5 * Math.sqrt(0.25 / DRAWS));
  });
});
