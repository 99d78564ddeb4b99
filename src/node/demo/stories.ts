// The eighteen stories of the demo task, as data: what is asked, from which ranges the numbers come, and which steps lead
// to the answer. Draws nothing; see problems.ts. Tokenizer and weights of public/demo belong to exactly these texts.

/** Least and largest value of a number, both included. */
export type Range = readonly [least: number, most: number];

/** A step of working: two operands and an operator. `_` is the result of the step before. */
export type StepPattern = `${"a" | "b" | "d" | "_"}${"+" | "-" | "*"}${"a" | "b" | "d" | "_" | "2"}`;

export interface Story {
  /** Part of the key by which a problem is held out. */
  readonly id: string;
  /** {N} {M} {K} are names, {o} an object, {c} a container, {a} {b} {d} the numbers. */
  readonly text: string;
  readonly a: Range;
  readonly b?: Range;
  readonly d?: Range;
  readonly steps: readonly [StepPattern] | readonly [StepPattern, StepPattern];
}

export const NAMES = ["Ana", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Ida"] as const;
export const OBJECTS = ["apples", "beads", "cards", "coins", "marbles", "pears", "shells", "stones"] as const;
export const CONTAINERS = ["bags", "boxes", "jars", "trays"] as const;

const ADDEND: Range = [2, 30];
const MINUEND: Range = [10, 50];
/** Where two things are taken away, or one is taken away and the rest added. */
const LARGE_MINUEND: Range = [20, 60];
const SECOND: Range = [2, 12];
const FACTOR: Range = [2, 9];
const MONEY: Range = [10, 60];

export const ONE_STEP: readonly Story[] = [
  {
    id: "gives",
    text: "{N} has {a} {o}. {M} gives {N} {b} more. How many {o} does {N} have?",
    a: ADDEND,
    b: ADDEND,
    steps: ["a+b"],
  },
  {
    id: "loses",
    text: "{N} has {a} {o}. {N} loses {b}. How many {o} are left?",
    a: MINUEND,
    b: SECOND,
    steps: ["a-b"],
  },
  {
    id: "containers",
    text: "{N} has {a} {c} with {b} {o} each. How many {o} does {N} have?",
    a: FACTOR,
    b: FACTOR,
    steps: ["a*b"],
  },
  {
    id: "fewer",
    text: "{N} has {a} {o}. {M} has {b} fewer. How many {o} does {M} have?",
    a: MINUEND,
    b: SECOND,
    steps: ["a-b"],
  },
  {
    id: "more",
    text: "{N} has {a} {o}. {M} has {b} more. How many {o} does {M} have?",
    a: ADDEND,
    b: ADDEND,
    steps: ["a+b"],
  },
  {
    id: "price",
    text: "{N} buys {a} {o} at {b} dollars each. How many dollars does {N} pay?",
    a: FACTOR,
    b: FACTOR,
    steps: ["a*b"],
  },
];

export const TWO_STEP: readonly Story[] = [
  {
    id: "gets-loses",
    text: "{N} has {a} {o}, gets {b} more and loses {d}. How many {o} are left?",
    a: ADDEND,
    b: ADDEND,
    d: SECOND,
    steps: ["a+b", "_-d"],
  },
  {
    id: "containers-finds",
    text: "{N} has {a} {c} with {b} {o} each and finds {d} more. How many {o} does {N} have?",
    a: FACTOR,
    b: FACTOR,
    d: SECOND,
    steps: ["a*b", "_+d"],
  },
  {
    id: "containers-loses",
    text: "{N} has {a} {c} with {b} {o} each and loses {d}. How many {o} are left?",
    a: FACTOR,
    b: FACTOR,
    d: SECOND,
    steps: ["a*b", "_-d"],
  },
  {
    id: "days-sells",
    text: "{N} finds {a} {o} a day for {b} days and sells {d}. How many {o} are left?",
    a: FACTOR,
    b: FACTOR,
    d: SECOND,
    steps: ["a*b", "_-d"],
  },
  {
    id: "loses-gives",
    text: "{N} has {a} {o}, loses {b} and gives {M} {d}. How many {o} are left?",
    a: LARGE_MINUEND,
    b: SECOND,
    d: SECOND,
    steps: ["a-b", "_-d"],
  },
  {
    id: "three-together",
    text: "{N} has {a} {o}, {M} has {b} and {K} has {d}. How many {o} do they have together?",
    a: ADDEND,
    b: ADDEND,
    d: SECOND,
    steps: ["a+b", "_+d"],
  },
  {
    id: "two-kinds-a-day",
    text: "Each day {N} finds {a} red {o} and {b} blue {o}. How many {o} in {d} days?",
    a: SECOND,
    b: SECOND,
    d: FACTOR,
    steps: ["a+b", "_*d"],
  },
  {
    id: "kept-a-day",
    text: "Each day {N} finds {a} {o} and loses {b}. How many {o} are left after {d} days?",
    a: MINUEND,
    b: SECOND,
    d: FACTOR,
    steps: ["a-b", "_*d"],
  },
  {
    id: "money-left",
    text: "{N} has {d} dollars and buys {a} {o} at {b} dollars each. How many dollars are left?",
    a: FACTOR,
    b: FACTOR,
    d: MONEY,
    steps: ["a*b", "d-_"],
  },
  {
    id: "more-together",
    text: "{N} has {a} {o}. {M} has {b} more than {N}. How many {o} do they have together?",
    a: ADDEND,
    b: SECOND,
    steps: ["a+b", "_+a"],
  },
  {
    id: "fewer-together",
    text: "{N} has {a} {o}. {M} has {b} fewer than {N}. How many {o} do they have together?",
    a: MINUEND,
    b: SECOND,
    steps: ["a-b", "_+a"],
  },
  {
    id: "twice-together",
    text: "{N} has {a} {o}. {M} has twice as many. How many {o} do they have together?",
    a: ADDEND,
    steps: ["a*2", "_+a"],
  },
];
