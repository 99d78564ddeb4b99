// Settings as rows of a table: key, default, range, source, and the metric to watch.

import type { ConfigKey } from "../../rl/config.ts";
import { CONFIG_KEYS, fieldOf, TOPICS } from "../../rl/config.ts";
import { rangeWords, textOf } from "../../rl/config/words.ts";
import { code, pieces, table } from "./markdown.ts";

const isKnown = (key: string): key is ConfigKey => (CONFIG_KEYS as readonly string[]).includes(key);

const HEAD = ["Setting", "Default", "Range", "Source of the default", "What it does", "Watch"];

const ANY: Readonly<Record<string, string>> = { text: "text" };

function row(key: ConfigKey): string[] {
  const field = fieldOf(key);
  const choices = "choices" in field ? field.choices.map(({ value }) => value).join(", ") : "";
  return [
    code(key),
    textOf(field.default),
    field.kind === "boolean"
      ? "true, false"
      : choices || rangeWords(field) || `any ${ANY[field.kind] ?? "number"}`,
    field.source,
    `${field.help}${field.unit ? ` In ${field.unit}.` : ""}`,
    field.watch ? code(field.watch) : "",
  ];
}

const rowOf = (key: string): string[] =>
  isKnown(key) ? row(key) : [code(key), "", "", "", "No setting of a run here.", ""];

/** The settings of these keys; a key that a run does not have is named as such. */
export const settingsTable = (keys: readonly string[]): string => table(HEAD, keys.map(rowOf));

/** Settings with the names that they have in a formula. */
export const paramsTable = (params: readonly { readonly name: string; readonly key: string }[]): string =>
  table(
    ["Above", ...HEAD],
    params.map(({ name, key }) => [code(name), ...rowOf(key)]),
  );

export const settingsSection = (): string =>
  pieces(
    "## All settings",
    "Under verl's keys; what verl does not have begins with `gradus.`. The page shows those that the chosen recipe reads, and finds the others by search.",
    ...TOPICS.map((topic) => {
      const keys = CONFIG_KEYS.filter((key) => fieldOf(key).topic === topic);
      return keys.length === 0 ? "" : pieces(`### ${topic}`, settingsTable(keys));
    }),
  );
