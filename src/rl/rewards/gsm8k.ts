// verl's GSM8K scorer to the letter, quirks included, so that a reward here is the reward there: "#### 72." is wrong and
// "#### 72," is right. It compares texts, not numbers.
// Source: verl verl/utils/reward_score/gsm8k.py.

import type { Reward } from "./reward.ts";

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

export const gsm8k: Reward = {
  id: "gsm8k",
  label: "GSM8K answer",
  description: 'The number after the last "####" must be the answer.',
  dataSources: ["openai/gsm8k"],
  paper: {
    title: "Training Verifiers to Solve Math Word Problems",
    url: "https://arxiv.org/abs/2110.14168",
  },
  differs: "verl's rule: the answer is compared as text, and only the last 300 characters are looked at.",
  params: ["gradus.format_score"],
  score: ({ response, problem: { groundTruth }, settings: { formatScore } }) => ({
    score: scoreSolution(response, groundTruth, "strict", formatScore),
    strict: extractSolution(response, "strict") === groundTruth,
    flexible: extractSolution(response, "flexible") === groundTruth,
  }),
};
