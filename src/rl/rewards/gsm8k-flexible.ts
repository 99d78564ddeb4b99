// verl's GSM8K scorer in its flexible form: the last number counts, wherever it stands. What it looks at is gsm8k.ts's matter.

import { GSM8K_PAPER, GSM8K_SOURCES, PYTHON_GSM8K, scoreSolution } from "./gsm8k.ts";
import type { RewardRule } from "./reward.ts";

export const gsm8kFlexible = {
  id: "gsm8k_flexible",
  label: "GSM8K flexible",
  description: 'The last number must be the answer, with or without "####".',
  dataSources: GSM8K_SOURCES,
  paper: GSM8K_PAPER,
  differs: "verl's rule: as the strict one, but commas inside a number stay, so that 1,072 is not 1072.",
  params: ["gradus.format_score"],
  defaultWeight: 0,
  score: ({ response, problem: { groundTruth } }, { formatScore }) =>
    scoreSolution(response, groundTruth, "flexible", formatScore),
  python: {
    definitions: [PYTHON_GSM8K],
    score: 'score_solution(solution_str, ground_truth, "flexible")',
  },
} as const satisfies RewardRule;
