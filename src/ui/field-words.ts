// Settings in words: how a value stands in a form, what fits, where the default comes from, and which settings a search
// finds. Pure; what the settings are is rl/config.ts's matter.

import type { ConfigKey, Field, FieldValue, RunConfig } from "../rl/config.ts";
import { CONFIG_KEYS, fieldOf } from "../rl/config.ts";
import { formatSetting } from "./format.ts";

/** A value as it stands in a text field: 0.0003 as "3e-4", [0.9, 0.99] as "0.9, 0.99". */
export function textOf(value: FieldValue): string {
  if (typeof value === "number") return formatSetting(value);
  if (typeof value === "boolean" || typeof value === "string") return String(value);
  return value.map((item) => (typeof item === "number" ? formatSetting(item) : item)).join(", ");
}

/** A value as it stands in a sentence: the label of a choice, the meaning of a special number, "on" and "off". */
export function valueWords(field: Field, value: FieldValue): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  // Of a text of many lines a sentence tells only whether there is one.
  if (field.kind === "text") return value === "" ? "none" : "a text";
  if (field.kind === "choice")
    return field.choices.find((choice) => choice.value === value)?.label ?? textOf(value);
  if ((field.kind === "number" || field.kind === "integer") && field.special?.value === value)
    return field.special.meaning;
  if (value === "") return "nothing";
  return textOf(value);
}

/** "1 to 256, -1 for all tokens"; empty where anything goes. */
export function rangeWords(field: Field): string {
  if (field.kind !== "number" && field.kind !== "integer" && field.kind !== "numbers") return "";
  const { min, max, isAboveMin } = field;
  const range =
    min !== undefined && max !== undefined
      ? isAboveMin
        ? `above ${textOf(min)}, up to ${textOf(max)}`
        : `${textOf(min)} to ${textOf(max)}`
      : min !== undefined
        ? `${isAboveMin ? "above" : "from"} ${textOf(min)}`
        : max !== undefined
          ? `up to ${textOf(max)}`
          : "";
  const special =
    field.kind !== "numbers" && field.special ? `${field.special.value} for ${field.special.meaning}` : "";
  return [range, special].filter(Boolean).join(", ");
}

/** "Default 16 (demo recipe; verl 256)." */
export const defaultWords = (field: Field): string =>
  `Default ${valueWords(field, field.default)} (${field.source}).`;

/** Whether two values are the same, lists by their items. */
export const isSameValue = (a: FieldValue, b: FieldValue): boolean => JSON.stringify(a) === JSON.stringify(b);

export const COMMON_KEYS: readonly ConfigKey[] = CONFIG_KEYS.filter((key) => fieldOf(key).isCommon);

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
  return `${steps} steps of ${batch}, learning rate ${rate}`;
}
