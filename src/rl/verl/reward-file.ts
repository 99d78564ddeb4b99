// The rewards of a run as a Python file with verl's signature, put together from what each reward says of itself. The penalty
// for length is not in it: verl's own manager of rewards has that one, and the settings turn it on.
// Source: verl docs/preparation/reward_function.rst (signature; a dict with "score" is logged whole).

import { FIND, PRELUDE } from "../../sandbox/prelude.ts";
import type { RunConfig } from "../config.ts";
import { rewardSettingsOf, rewardsOf } from "../options/index.ts";
import type { RewardSettings } from "../rewards/index.ts";
import { PYTHON_GSM8K } from "../rewards/gsm8k.ts";

const MODULES = ["functools", "json", "math", "re"];
const LONGEST_LINE = 100;

/** A text as Python writes it; what JSON escapes Python does, too. */
const pythonText = (text: string): string => JSON.stringify(text);

/** A text of several lines that can be read. */
function pythonLines(text: string): string {
  const lines = text.split("\n");
  if (lines.length === 1 && text.length < LONGEST_LINE) return pythonText(text);
  return `"\\n".join(\n    [\n${lines.map((line) => `        ${pythonText(line)},\n`).join("")}    ]\n)`;
}

/** What the definitions of rewards read, by name. */
const constantsOf = (settings: RewardSettings, modelPath: string): Readonly<Record<string, string>> => ({
  FORMAT_SCORE: pythonNumber(settings.formatScore),
  MAX_LENGTH: String(settings.maxLength),
  MODEL_PATH: pythonText(modelPath),
  OWN_FUNCTION_MS: String(settings.ownFunctionMs),
  OWN_FUNCTION: pythonLines(settings.ownFunction),
  PRELUDE: pythonLines(PRELUDE),
  FIND: pythonLines(FIND),
});

const pythonNumber = (value: number): string => (Number.isInteger(value) ? `${value}.0` : String(value));

/** The file's text. `modelPath` is where verl finds the model, whose tokenizer counts tokens where a reward does. */
export function rewardFile(config: RunConfig, modelPath: string): string {
  const rewards = rewardsOf(config);
  const accuracy = accuracyOf(rewards.map(({ reward }) => reward.id));
  const rules = [
    ...rewards.map(({ reward }) => reward.python.definitions),
    ...(accuracy.includes("extract_solution") ? [[PYTHON_GSM8K]] : []),
  ];
  const definitions = [...new Set(rules.flat())];
  const terms = rewards.map(({ reward: { id, python }, weight }) => ({ id, weight, score: python.score }));
  const code = `${definitions.join("\n\n\n")}\n\n\n${computeScore(terms, accuracy)}`;
  const uses = (name: string): boolean => new RegExp(`\\b${name}\\b`).test(code);
  const constants = Object.entries(constantsOf(rewardSettingsOf(config), modelPath))
    .filter(([name]) => uses(name))
    .map(([name, value]) => `${name} = ${value}\n`);
  const imports = MODULES.filter((name) => new RegExp(`\\b${name}\\.`).test(code));
  return `${HEAD}\n${imports.map((name) => `import ${name}\n`).join("")}\n${constants.join("")}\n\n${code}`;
}

const HEAD = `"""The rewards of a run of Gradus for verl (reward.custom_reward_function.path): weights and settings are the run's."""
`;

interface Term {
  readonly id: string;
  readonly weight: number;
  readonly score: string;
}

/** "acc", which verl logs and dynamic sampling may go by: as FILTER_METRICS in filter-groups.ts has it. */
function accuracyOf(on: readonly string[]): string {
  const method = on.includes("gsm8k")
    ? "strict"
    : on.includes("gsm8k_flexible") || on.includes("graded")
      ? "flexible"
      : undefined;
  return method ? `float(extract_solution(solution_str, "${method}") == ground_truth)` : "total";
}

function computeScore(terms: readonly Term[], accuracy: string): string {
  const lines = terms.map(({ id, score }) => `        ${pythonText(id)}: float(${score}),\n`);
  const sum = terms.map(({ id, weight }) => `${weight} * scores[${pythonText(id)}]`).join(" + ");
  return `def compute_score(data_source, solution_str, ground_truth, extra_info=None, **_):
    """verl's entry: the weighted sum as score, whether the answer is right as acc, and each reward before its weight."""
    scores = {
${lines.join("")}    }
    total = ${sum}
    return {"score": total, "acc": ${accuracy}, **scores}
`;
}
