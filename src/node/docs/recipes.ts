// The section on recipes: what each sets in each of its variants, what its source had on its machines, and what a common
// guide says wrongly about it.

import type { ConfigKey, RunConfig } from "../../rl/config.ts";
import { CONFIG_KEYS, configWith, DEFAULTS, fieldOf } from "../../rl/config.ts";
import { isSameValue, textOf, valueWords } from "../../rl/config/words.ts";
import type { Preset, Recipe, Values } from "../../rl/presets/index.ts";
import { FAMILIES, GROUNDS, PRESETS, RECIPES } from "../../rl/presets/index.ts";
import { code, linked, pieces, table } from "./markdown.ts";

const text = (values: Values, key: ConfigKey): string => {
  const value = values[key];
  return value === undefined ? "" : textOf(value);
};

const ordered = (keys: Iterable<string>): ConfigKey[] => {
  const wanted = new Set(keys);
  return CONFIG_KEYS.filter((key) => wanted.has(key));
};

export const recipesSection = (): string =>
  pieces(
    "## Recipes",
    "A recipe is an algorithm as settings; each runs on every ground below, which says how much of everything. `npm run gradus -- train --preset NAME` takes one with the sizes that suit the model, and `NAME-GROUND`, such as `cispo-lora-demo`, names the sizes as well. Settings of one's own go on top with `--set`.",
    groundsTable(),
    ...FAMILIES.map(({ id, label }) => {
      const recipes = RECIPES.filter(({ family }) => family === id);
      return recipes.length === 0 ? "" : pieces(`### ${label}`, ...recipes.map(recipeEntry));
    }),
  );

/** Sizes of every ground, as GRPO has them there; other methods may have their own. */
function groundsTable(): string {
  const configs = GROUNDS.map(({ values, methods }) => configWith({ ...values, ...methods.rl }));
  const isTold = (key: ConfigKey): boolean =>
    configs.some((config: RunConfig) => !isSameValue(config[key], DEFAULTS[key]));
  return pieces(
    "### Grounds",
    table(
      ["Ground", "For", "Trained", "Sized for"],
      GROUNDS.map(({ id, model, label, description }) => [
        code(id),
        model === "demo" ? "the demo model" : "a model of one's own",
        label,
        description,
      ]),
    ),
    table(
      ["Setting", ...GROUNDS.map(({ id }) => id)],
      CONFIG_KEYS.filter(isTold).map((key) => [code(key), ...configs.map((config) => textOf(config[key]))]),
    ),
  );
}

function recipeEntry(recipe: Recipe): string {
  const { label, fullName, description, source, corrections = [] } = recipe;
  const forms = PRESETS.filter((preset) => preset.recipe === recipe && preset.ground === GROUNDS[0]);
  const own = forms.flatMap(({ variant }) => variant?.corrections ?? []);
  return pieces(
    `#### ${label}`,
    `${fullName ? `**${fullName}.** ` : ""}${description}`,
    `Source: ${linked(source)}.`,
    formsTable(forms),
    originalTable(recipe, forms[0]!),
    corrections.length + own.length > 0
      ? pieces(
          "What a common guide says, and what is so:",
          [...corrections, ...own].map(({ says, fact }) => `- *${says}* ${fact}`).join("\n"),
        )
      : "",
  );
}

/** A column a form, a row a setting; what depends on the sizes is that of the demo model. */
function formsTable(forms: readonly Preset[]): string {
  const keys = ordered(forms.flatMap(({ algorithm }) => Object.keys(algorithm)));
  return table(
    ["Preset", ...forms.map(({ form }) => code(form))],
    [
      ...(forms.length > 1 ? [["", ...forms.map(({ variant }) => variant!.description)]] : []),
      ...keys.map((key) => [code(key), ...forms.map(({ algorithm }) => text(algorithm, key))]),
    ],
  );
}

/** What the source had, beside the demo model's sizes. */
function originalTable({ original }: Recipe, { values }: Preset): string {
  if (!original) return "";
  const config = configWith(values);
  return pieces(
    `Sizes in ${original.of}, and here on the demo model:`,
    table(
      ["Setting", "There", "Here"],
      ordered(Object.keys(original.values)).map((key) => [
        fieldOf(key).label,
        valueWords(fieldOf(key), original.values[key]!),
        valueWords(fieldOf(key), config[key]),
      ]),
    ),
  );
}
