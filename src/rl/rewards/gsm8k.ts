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
} as const satisfies RewardRule;
