// Settings in words, for a form and for the documentation: how a value stands in a field and in a sentence, what fits, and
// where the default comes from.

import { formatSetting } from "../../common/numbers.ts";
import type { Field, FieldValue } from "./field.ts";

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

/** A label inside a sentence: "Learning rate" as "learning rate"; "LoRA rank" and "KL loss" stay. */
export const inSentence = (label: string): string =>
  /^[A-Z][a-z]*(?![\w])/.test(label) && !/^[A-Z](?![a-z])/.test(label)
    ? label[0]!.toLowerCase() + label.slice(1)
    : label;
