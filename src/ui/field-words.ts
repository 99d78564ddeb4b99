// Which settings a form shows where: those that make a recipe, its sizes, those that a search finds; and what is said beside
// one. Pure; what the settings are is rl/config.ts's matter.

import type { ConfigKey, Field, RunConfig } from "../rl/config.ts";
import { CONFIG_KEYS, fieldOf, isParameter, isRead, TOPICS } from "../rl/config.ts";
import { defaultWords, rangeWords } from "../rl/config/words.ts";
import { METRICS } from "../rl/metrics.ts";
import type { Preset } from "../rl/presets/index.ts";
import { formatSetting } from "./format.ts";

/** What makes the recipe is chosen above the settings. */
const METHOD: ConfigKey = "gradus.mode";
const isOfAlgorithm = (key: ConfigKey): boolean =>
  ["Policy loss", "Preference", "Advantage"].includes(fieldOf(key).topic);

/** What is minimised, whichever recipe it is. */
const AT_HEART: readonly ConfigKey[] = ["algorithm.adv_estimator", "actor_rollout_ref.actor.loss_agg_mode"];

/** By topic, as the folded settings are. */
export const COMMON_KEYS: readonly ConfigKey[] = CONFIG_KEYS.filter((key) => fieldOf(key).isCommon).toSorted(
  (a, b) => TOPICS.indexOf(fieldOf(a).topic) - TOPICS.indexOf(fieldOf(b).topic),
);

/** How much of everything: the common settings that a run reads and that are no matter of the algorithm. */
export const sizeKeys = (config: RunConfig): ConfigKey[] =>
  COMMON_KEYS.filter((key) => !isOfAlgorithm(key) && isRead(key, config));

/**
 * What makes the recipe: all that it sets, and what the chosen loss and estimator read besides. What stands around every loss,
 * and is off unless a recipe asks for it, is among the others.
 */
export const recipeKeys = ({ algorithm }: Preset, config: RunConfig): ConfigKey[] =>
  CONFIG_KEYS.filter(
    (key) =>
      key !== METHOD &&
      (Object.hasOwn(algorithm, key) || (isOfAlgorithm(key) && isOfChoice(key))) &&
      !(fieldOf(key).isCommon && !isOfAlgorithm(key)) &&
      isRead(key, config),
  );

/** Goes with the choice of a loss, an estimator or a preference, and is not off by default. */
function isOfChoice(key: ConfigKey): boolean {
  const field = fieldOf(key);
  const isOff = "special" in field && field.special?.value === field.default;
  return (
    field.isCommon === true ||
    field.topic === "Preference" ||
    AT_HEART.includes(key) ||
    (isParameter(key) && !isOff)
  );
}

/** "Range 1 to 256. Default 8 (demo recipe; verl 1). Watch: groups without spread." */
export function fieldWords(field: Field): string {
  const range = rangeWords(field);
  const metric = METRICS.find(({ key }) => key === field.watch);
  return [
    range && `Range ${range}.`,
    defaultWords(field),
    metric && `Watch: ${metric.label} (${metric.key}).`,
  ]
    .filter(Boolean)
    .join(" ");
}

/** Settings in which every word of `query` occurs: in key, label, help, topic or a choice. */
export function searchSettings(query: string): ConfigKey[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return CONFIG_KEYS.filter((key) => {
    const field = fieldOf(key);
    const choices = "choices" in field ? field.choices.flatMap(({ value, label }) => [value, label]) : [];
    const text = [key, field.label, field.help, field.topic, ...choices].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** The settings that an error names, so that it can show them. */
export const keysIn = (message: string): ConfigKey[] => CONFIG_KEYS.filter((key) => message.includes(key));

/** A recipe in one line: how much, of what, how fast. */
export function recipeLine(config: RunConfig): string {
  const steps = config["trainer.total_training_steps"];
  const prompts = config["data.train_batch_size"];
  const group = config["actor_rollout_ref.rollout.n"];
  const rate = formatSetting(config["actor_rollout_ref.actor.optim.lr"]);
  const mode = config["gradus.mode"];
  const batch =
    mode === "sft"
      ? `${prompts} worked answers`
      : mode === "dpo"
        ? `${prompts} preference pairs`
        : `${prompts} prompts with ${group} responses`;
  return `${steps} ${steps === 1 ? "step" : "steps"} of ${batch}, learning rate ${rate}`;
}
