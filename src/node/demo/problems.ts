// Draws problems of the demo task and writes the responses that the demo model is taught with. What is held out is decided by
// a hash of the arithmetic alone, so that no run, seed or file can train on it. Texts and ranges are in stories.ts.

import { crc32 } from "node:zlib";

import { BugError } from "../../common/errors.ts";
import type { SeededRandom } from "../../common/random.ts";
import type { Range, StepPattern, Story } from "./stories.ts";
import { CONTAINERS, NAMES, OBJECTS, ONE_STEP, TWO_STEP } from "./stories.ts";

/** One line of working. */
export interface Step {
  /** `9+4`. */
  readonly sum: string;
  readonly result: number;
}

export interface DemoProblem {
  readonly question: string;
  readonly steps: readonly Step[];
  /** 1 to 60. */
  readonly answer: number;
  /** Story and arithmetic; names and objects do not count. */
  readonly key: string;
}

/** How a response goes about it. All are correct, but `unmarked` ends without "#### N" and so earns no reward. */
export type ResponseStyle = "direct" | "working" | "unmarked";

/** Probability of each style; what is left over is `unmarked`. */
export interface StyleShares {
  readonly direct: number;
  readonly working: number;
}

const TWO_STEP_SHARE = 0.7;
const LARGEST_RESULT = 60;
const HELD_OUT_ONE_IN = 10;

/** True where a problem with this key is for evaluation only. */
export const isHeldOut = (key: string): boolean => crc32(key) % HELD_OUT_ONE_IN === 0;

/** A problem that may be held out or not. The story is drawn once, its numbers until every result is 1 to 60. */
export function drawProblem(random: SeededRandom): DemoProblem {
  const story = pick(random, random.uniform() < TWO_STEP_SHARE ? TWO_STEP : ONE_STEP);
  for (;;) {
    const numbers = drawNumbers(random, story);
    const steps = solve(story.steps, numbers);
    if (!steps.every(({ result }) => result >= 1 && result <= LARGEST_RESULT)) continue;
    return {
      question: tell(random, story, numbers),
      steps,
      answer: steps.at(-1)!.result,
      key: [story.id, ...steps.map(({ sum }) => sum)].join("|"),
    };
  }
}

/** A problem to train on, or one to evaluate with: the two never share a key. */
export function drawProblemOf(random: SeededRandom, side: "train" | "test"): DemoProblem {
  for (;;) {
    const problem = drawProblem(random);
    if (isHeldOut(problem.key) === (side === "test")) return problem;
  }
}

/** `count` problems of one side with questions, and for evaluation also keys, that differ from each other. */
export function distinctProblems(random: SeededRandom, side: "train" | "test", count: number): DemoProblem[] {
  const problems: DemoProblem[] = [];
  const seen = new Set<string>();
  while (problems.length < count) {
    const problem = drawProblemOf(random, side);
    const marks = side === "test" ? [problem.question, problem.key] : [problem.question];
    if (marks.some((mark) => seen.has(mark))) continue;
    for (const mark of marks) seen.add(mark);
    problems.push(problem);
  }
  return problems;
}

/** The response in a style, without the token that ends it. */
export function responseOf({ steps, answer }: DemoProblem, style: ResponseStyle): string {
  const marked = `#### ${answer}`;
  if (style === "direct") return marked;
  const working = steps.map(({ sum, result }) => `${sum}=${result}\n`).join("");
  return working + (style === "working" ? marked : `So ${answer}.`);
}

/** A style with the probability of its share. */
export function drawStyle(random: SeededRandom, { direct, working }: StyleShares): ResponseStyle {
  const at = random.uniform();
  if (at < direct) return "direct";
  return at < direct + working ? "working" : "unmarked";
}

type Numbers = Readonly<Record<"a" | "b" | "d", number>>;

const pick = <T>(random: SeededRandom, items: readonly T[]): T => items[random.integer(items.length)]!;

/** Numbers that the story does not have come out as 0. */
function drawNumbers(random: SeededRandom, { a, b, d }: Story): Numbers {
  const draw = (range?: Range): number => (range ? range[0] + random.integer(range[1] - range[0] + 1) : 0);
  return { a: draw(a), b: draw(b), d: draw(d) };
}

function solve(patterns: readonly StepPattern[], numbers: Numbers): Step[] {
  const steps: Step[] = [];
  for (const pattern of patterns) {
    const known: Readonly<Record<string, number>> = { ...numbers, _: steps.at(-1)?.result ?? 0, 2: 2 };
    const [left, operator, right] = [known[pattern[0]!]!, pattern[1]!, known[pattern[2]!]!];
    steps.push({ sum: `${left}${operator}${right}`, result: compute(left, operator, right) });
  }
  return steps;
}

function compute(left: number, operator: string, right: number): number {
  if (operator === "+") return left + right;
  if (operator === "-") return left - right;
  if (operator === "*") return left * right;
  throw new BugError(`a step with operator "${operator}" cannot be computed`);
}

/** The story's text with its numbers, and with names, object and container drawn. */
function tell(random: SeededRandom, { text }: Story, numbers: Numbers): string {
  const [N, M, K] = random.shuffle([...NAMES]) as [string, string, string];
  const words = { N, M, K, o: pick(random, OBJECTS), c: pick(random, CONTAINERS), ...numbers };
  return text.replace(/\{(\w)\}/g, (_, name: keyof typeof words) => String(words[name]));
}
