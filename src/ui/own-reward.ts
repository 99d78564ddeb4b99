// The person's own reward as settings: whether it judges, beside which others, and how it is turned on and off. Pure, but for taking a
// file; what it looks like is gradus-reward-editor.ts's matter.

import { messageOf } from "../common/error-words.ts";
import type { ConfigKey, RunConfig } from "../rl/config.ts";
import { CONFIG_KEYS, DEFAULTS, fieldOf } from "../rl/config.ts";
import { formatSetting } from "./format.ts";
import type { Session } from "./session.ts";

export const OWN_FUNCTION = "gradus.reward_function";
export const OWN_WEIGHT = "gradus.reward_weight.custom";
const MAX_FILE_BYTES = 400_000;

/** What stands in the editor until there is a function. */
export const TEMPLATE = `// Judges one response; the score may be a number, true or false, or { score }.
function computeScore(dataSource, solution, groundTruth, extraInfo) {
  const stated = solution.match(/#### (-?[\\d.,]+)/);
  if (!stated) return 0;
  const isRight = stated[1].replaceAll(",", "") === groundTruth;
  return isRight ? 1 : 0.1;
}
`;

type Values = Readonly<Record<string, unknown>>;

const WEIGHTS = CONFIG_KEYS.filter((key) => key.startsWith("gradus.reward_weight.") && key !== OWN_WEIGHT);

/** Other rewards that are on. */
const othersOf = (config: RunConfig): ConfigKey[] => WEIGHTS.filter((key) => config[key] !== 0);

export const isOwnOn = (config: RunConfig): boolean => config[OWN_WEIGHT] !== 0;

/** Settings with which `code` judges, beside what judged before. */
export const turnedOn = (config: RunConfig, code: string): Values => ({
  [OWN_FUNCTION]: code,
  [OWN_WEIGHT]: config[OWN_WEIGHT] || 1,
});

/** Settings without it; the usual reward comes back where no other is on. */
export const turnedOff = (config: RunConfig): Values => ({
  [OWN_WEIGHT]: 0,
  ...(othersOf(config).length === 0 && Object.fromEntries(WEIGHTS.map((key) => [key, DEFAULTS[key]]))),
});

/** Settings in which no other reward judges. */
export const alone = (config: RunConfig): Values =>
  Object.fromEntries(othersOf(config).map((key) => [key, 0]));

/** The others that judge as well, in words: "GSM8K strict (weight 1)"; empty when there are none. */
export const othersInWords = (config: RunConfig): string =>
  othersOf(config)
    .map((key) => `${fieldOf(key).label} (weight ${formatSetting(config[key] as number)})`)
    .join(", ");

/** The text of a file. Rejects with a sentence when it is no function's. */
export async function rewardText(file: File): Promise<string> {
  if (file.size <= MAX_FILE_BYTES) return file.text();
  throw new Error(
    `${file.name} has ${file.size} bytes: it is no reward function. Drop a JavaScript file with a function computeScore.`,
  );
}

/** Judges by the function of a dropped file from now on. */
export async function takeRewardFile(session: Session, file: File): Promise<void> {
  try {
    await session.recipe.change(turnedOn(session.state.config, await rewardText(file)));
  } catch (error) {
    const recipe = messageOf(error);
    session.set({ errors: { ...session.state.errors, recipe } });
  }
}
