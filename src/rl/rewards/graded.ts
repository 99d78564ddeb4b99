// A graded reward from correctness, reasoning and format: 1.0 right, 0.5 partly right, 0.1 right form and wrong answer, 0.0
// neither. The levels are those of the group self-play recipe, which leaves open what they mean; here:
//   stated   the number after the last "####", or in the last \boxed{}          (format)
//   worked   the result of the last step "a + b = c", if its arithmetic is right (reasoning)
//   1.0      stated is the ground truth                                          (correctness)
//   0.5      not so, but worked is the ground truth, or nothing is stated and the last number of the text is it
//   0.1      something is stated, and it is another number
//   0.0      else
// Numbers are compared as numbers: "$1,072.00" is 1072. A step counts only if it is the last: else a response that lists many sums
// would meet every answer. Where the ground truth is no number, texts are compared.
// Source: verl-recipe, gspo (group self-play), compute_score's docstring. Differs: the definitions above are ours.

import { GSM8K_SOURCES } from "./gsm8k.ts";
import { PYTHON_SPACE, PYTHON_UNITS } from "./python.ts";
import type { RewardRule } from "./reward.ts";

/** Digits with commas between them, a fraction, perhaps a currency before. */
const NUMBER = String.raw`[-−]?\$?\d[\d,]*(?:\.\d+)?|[-−]?\$?\.\d+`;
const OPERATOR = String.raw`[-−+*/÷:×·x]`;
/** Characters before a "=" that its left side may have. */
const STEP_REACH = 120;
const TOLERANCE = 1e-9;

const AFTER_HASHES = new RegExp(String.raw`^\s*(${NUMBER})`);
const BOXED = /\\boxed\{([^{}]{0,200})\}/g;
const LAST_NUMBER = new RegExp(`(?<![\\d.,])(?:${NUMBER})`, "g");
const LEFT_SIDE = new RegExp(String.raw`(?<![\d.,])(${NUMBER})((?:\s*${OPERATOR}\s*(?:${NUMBER}))+)\s*$`);
const TERM = new RegExp(String.raw`\s*(${OPERATOR})\s*(${NUMBER})`, "g");

/** The number that a text is, NaN where it is none. */
export function numberIn(text: string): number {
  const plain = text
    .trim()
    .replace("−", "-")
    .replaceAll(/[$,\s%]|\.$/g, "");
  return plain === "" ? Number.NaN : Number(plain);
}

const isClose = (a: number, b: number): boolean => Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(b));

/** Whether a text says the same as the ground truth. */
function isSame(text: string, groundTruth: string): boolean {
  const truth = numberIn(groundTruth);
  return Number.isNaN(truth) ? text.trim() === groundTruth.trim() : isClose(numberIn(text), truth);
}

/** What a response states as its answer; undefined when it has no such form. */
export function statedAnswer(response: string): string | undefined {
  const hashes = response.lastIndexOf("####");
  const after = hashes < 0 ? "" : response.slice(hashes + 4);
  const number = AFTER_HASHES.exec(after.slice(0, STEP_REACH))?.[1];
  if (number !== undefined) return number;
  const line = after.split("\n", 1)[0]!.trim();
  if (line !== "") return line;
  return [...response.matchAll(BOXED)].at(-1)?.[1];
}

/** Result of the last step whose left side is arithmetic; undefined without one, or where the step is wrong. */
export function workedAnswer(response: string): string | undefined {
  for (let at = response.lastIndexOf("="); at > 0; at = response.lastIndexOf("=", at - 1)) {
    const left = LEFT_SIDE.exec(response.slice(Math.max(0, at - STEP_REACH), at));
    const right = AFTER_HASHES.exec(response.slice(at + 1, at + STEP_REACH))?.[1];
    if (!left || right === undefined) continue;
    return isClose(valueOf(left[1]!, left[2]!), numberIn(right)) ? right : undefined;
  }
  return undefined;
}

/** Value of a chain such as "2 + 3 x 4": products before sums. */
function valueOf(first: string, rest: string): number {
  let [sum, product] = [0, numberIn(first)];
  for (const [, operator, text] of rest.matchAll(TERM)) {
    const number = numberIn(text!);
    if ("*×·x".includes(operator!)) product *= number;
    else if ("/÷:".includes(operator!)) product /= number;
    else [sum, product] = [sum + product, operator === "+" ? number : -number];
  }
  return sum + product;
}

const lastNumber = (response: string): string | undefined => (response.match(LAST_NUMBER) ?? []).at(-1);

/** 1, 0.5, 0.1 or 0, as the head of this file says. */
export function gradedScore(response: string, groundTruth: string): number {
  const stated = statedAnswer(response);
  if (stated !== undefined && isSame(stated, groundTruth)) return 1;
  const reached = workedAnswer(response) ?? (stated === undefined ? lastNumber(response) : undefined);
  if (reached !== undefined && isSame(reached, groundTruth)) return 0.5;
  return stated === undefined ? 0 : 0.1;
}

/** The same in Python. */
const PYTHON_GRADED = String.raw`NUMBER = r"[-−]?\$?[0-9][0-9,]*(?:\.[0-9]+)?|[-−]?\$?\.[0-9]+"
OPERATOR = r"[-−+*/÷:×·x]"
STEP_REACH = 120
AFTER_HASHES = re.compile(rf"{SPACE}*({NUMBER})")
BOXED = re.compile(r"\\boxed\{([^{}]{0,200})\}")
LAST_NUMBER = re.compile(rf"(?<![0-9.,])(?:{NUMBER})")
LEFT_SIDE = re.compile(rf"(?<![0-9.,])({NUMBER})((?:{SPACE}*{OPERATOR}{SPACE}*(?:{NUMBER}))+){SPACE}*\Z")
TERM = re.compile(rf"{SPACE}*({OPERATOR}){SPACE}*({NUMBER})")
DECIMAL = re.compile(r"[+-]?(?:Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")
OTHER_BASE = re.compile(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+")


def number_in(text):
    """The number that a text is, NaN where it is none."""
    plain = re.sub(rf"[$,%]|{SPACE}|\.\Z", "", strip(text).replace("−", "-", 1))
    if DECIMAL.fullmatch(plain):
        return float(plain)
    if not OTHER_BASE.fullmatch(plain):
        return math.nan
    try:
        return float(int(plain, 0))
    except OverflowError:
        return math.inf


def is_close(a, b):
    return abs(a - b) <= 1e-9 * max(1.0, abs(b))


def is_same(text, truth):
    """Whether a text says the same as the ground truth."""
    number = number_in(truth)
    return strip(text) == strip(truth) if math.isnan(number) else is_close(number_in(text), number)


def stated_answer(response):
    """What a response states as its answer; None when it has no such form."""
    hashes = response.rfind("####")
    after = "" if hashes < 0 else response[hashes + 4 :]
    number = AFTER_HASHES.match(after[:STEP_REACH])
    if number:
        return number.group(1)
    line = strip(after.split("\n", 1)[0])
    if line != "":
        return line
    boxed = BOXED.findall(response)
    return boxed[-1] if boxed else None


def divide(a, b):
    if b != 0:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)


def value_of(first, rest):
    """Value of a chain such as "2 + 3 x 4": products before sums."""
    total, product = 0.0, number_in(first)
    for operator, text in TERM.findall(rest):
        number = number_in(text)
        if operator in "*×·x":
            product *= number
        elif operator in "/÷:":
            product = divide(product, number)
        else:
            total, product = total + product, number if operator == "+" else -number
    return total + product


def worked_answer(response):
    """Result of the last step whose left side is arithmetic; None without one, or where the step is wrong."""
    at = response.rfind("=")
    while at > 0:
        left = LEFT_SIDE.search(response[max(0, at - STEP_REACH) : at])
        right = AFTER_HASHES.match(response[at + 1 : at + STEP_REACH])
        if left and right:
            value = value_of(left.group(1), left.group(2))
            return right.group(1) if is_close(value, number_in(right.group(1))) else None
        at = response.rfind("=", 0, at)
    return None


def graded_score(response, ground_truth):
    """1 right, 0.5 partly right, 0.1 right form and wrong answer, 0 neither."""
    response, truth = units(response), units(ground_truth)
    stated = stated_answer(response)
    if stated is not None and is_same(stated, truth):
        return 1.0
    reached = worked_answer(response)
    if reached is None and stated is None:
        numbers = LAST_NUMBER.findall(response)
        reached = numbers[-1] if numbers else None
    if reached is not None and is_same(reached, truth):
        return 0.5
    return 0.0 if stated is None else 0.1`;

export const graded = {
  id: "graded",
  label: "Graded answer",
  description:
    'Right answer after "####" or in \\boxed{}: 1. Right number, but only in the working or without that form: 0.5. Right form, wrong answer: 0.1. Else 0.',
  dataSources: GSM8K_SOURCES,
  differs: "The group self-play recipe names the four levels and leaves their meaning open.",
  params: [],
  defaultWeight: 0,
  score: ({ response, problem }) => gradedScore(response, problem.groundTruth),
  python: {
    definitions: [PYTHON_SPACE, PYTHON_UNITS, PYTHON_GRADED],
    score: "graded_score(solution_str, ground_truth)",
  },
} as const satisfies RewardRule;
