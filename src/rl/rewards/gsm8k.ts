// verl's GSM8K scorer to the letter, quirks included, so that a reward here is the reward there: "#### 72." is wrong and
// "#### 72," is right. It compares texts, not numbers.
// Source: verl verl/utils/reward_score/gsm8k.py.

import type { RewardRule } from "./reward.ts";

/** Unicode code points at the end of a response that are looked at. */
const CLIP_CHARACTERS = 300;

/**
 * The answer that a response states: after the last "#### " (strict), or its last run of digits, points and commas
 * (flexible). Strict loses its commas, flexible keeps them. Undefined when there is none.
 */
export function extractSolution(text: string, method: "strict" | "flexible"): string | undefined {
  const end = clip(text);
  if (method === "strict") {
    return [...end.matchAll(/#### (-?[0-9.,]+)/g)].at(-1)?.[1]!.replaceAll(",", "");
  }
  const runs = end.match(/-?[0-9.,]+/g) ?? [];
  return runs.findLast((run) => run !== ".") ?? runs[0];
}

/** The last 300 code points, as Python counts them. */
function clip(text: string): string {
  if (text.length <= CLIP_CHARACTERS) return text;
  const tail = Array.from(text.slice(-2 * CLIP_CHARACTERS - 1));
  return tail.slice(-CLIP_CHARACTERS).join("");
}

/** 1 for the right answer, `formatScore` for another one, 0 for none. */
export function scoreSolution(
  text: string,
  groundTruth: string,
  method: "strict" | "flexible",
  formatScore: number,
): number {
  const answer = extractSolution(text, method);
  if (answer === undefined) return 0;
  return answer === groundTruth ? 1 : formatScore;
}

/** Whether a response states the right number in the demanded form, and whether its last number is right. */
export const answerMatches = (
  response: string,
  groundTruth: string,
): { readonly strict: boolean; readonly flexible: boolean } => ({
  strict: extractSolution(response, "strict") === groundTruth,
  flexible: extractSolution(response, "flexible") === groundTruth,
});

/** The two functions in Python. */
export const PYTHON_GSM8K = String.raw`def extract_solution(text, method):
    """The answer that a response states: after the last "#### ", or its last run of digits, points and commas."""
    end = text[-300:]
    if method == "strict":
        found = re.findall(r"#### (-?[0-9.,]+)", end)
        return found[-1].replace(",", "") if found else None
    runs = re.findall(r"-?[0-9.,]+", end)
    return next((run for run in reversed(runs) if run != "."), runs[0] if runs else None)


def score_solution(text, ground_truth, method):
    """1 for the right answer, FORMAT_SCORE for another one, 0 for none."""
    answer = extract_solution(text, method)
    if answer is None:
        return 0.0
    return 1.0 if answer == ground_truth else FORMAT_SCORE`;

/** Data sources whose ground truth is a number that a response states at its end. */
export const GSM8K_SOURCES = ["openai/gsm8k"];

export const GSM8K_PAPER = {
  title: "Training Verifiers to Solve Math Word Problems",
  url: "https://arxiv.org/abs/2110.14168",
};

export const gsm8k = {
  id: "gsm8k",
  label: "GSM8K strict",
  description: 'The number after the last "####" must be the answer.',
  dataSources: GSM8K_SOURCES,
  paper: GSM8K_PAPER,
  differs: "verl's rule: the answer is compared as text, and only the last 300 characters are looked at.",
  params: ["gradus.format_score"],
  defaultWeight: 1,
  score: ({ response, problem: { groundTruth } }, { formatScore }) =>
    scoreSolution(response, groundTruth, "strict", formatScore),
  python: {
    definitions: [PYTHON_GSM8K],
    score: 'score_solution(solution_str, ground_truth, "strict")',
  },
} as const satisfies RewardRule;
