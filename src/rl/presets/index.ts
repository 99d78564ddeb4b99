// The recipes that a person can pick, in the order of the page, and every preset: a recipe in one of its variants on one of
// the grounds. A new recipe is a file in recipes/ and a line here.

import type { RunConfig } from "../config.ts";
import { configWith } from "../config.ts";
import { trainsAdapter } from "../options/index.ts";
import type { Ground } from "./grounds.ts";
import { GROUNDS } from "./grounds.ts";
import type { Preset } from "./preset.ts";
import { likeness, presetOf } from "./preset.ts";
import type { Recipe } from "./recipe.ts";
import { CISPO } from "./recipes/cispo.ts";
import { DAPO } from "./recipes/dapo.ts";
import { DPO } from "./recipes/dpo.ts";
import { DR_GRPO } from "./recipes/dr-grpo.ts";
import { GMPO } from "./recipes/gmpo.ts";
import { GPG } from "./recipes/gpg.ts";
import { GRPO } from "./recipes/grpo.ts";
import { GSPO } from "./recipes/gspo.ts";
import { OPO } from "./recipes/opo.ts";
import { PPO } from "./recipes/ppo.ts";
import { PREFERENCE } from "./recipes/preference.ts";
import { REINFORCE_PLUS_PLUS } from "./recipes/reinforce-plus-plus.ts";
import { REMAX } from "./recipes/remax.ts";
import { RLOO } from "./recipes/rloo.ts";
import { SAPO } from "./recipes/sapo.ts";
import { SFT } from "./recipes/sft.ts";

export type { Ground } from "./grounds.ts";
export { GROUNDS } from "./grounds.ts";
export type { Preset, Scaled } from "./preset.ts";
export { baseOf, carriedOver, correctionsOf, resized, scaledIn, withChange } from "./preset.ts";
export type { Correction, Recipe, Values, Variant } from "./recipe.ts";
export { FAMILIES } from "./recipe.ts";

/** By family; the first of all is what a new page has. */
export const RECIPES: readonly Recipe[] = [
  GRPO,
  PPO,
  DR_GRPO,
  DAPO,
  RLOO,
  REINFORCE_PLUS_PLUS,
  REMAX,
  OPO,
  GPG,
  CISPO,
  GSPO,
  GMPO,
  SAPO,
  PREFERENCE,
  DPO,
  SFT,
];

/** Every recipe in every variant on every ground. */
export const PRESETS: readonly Preset[] = GROUNDS.flatMap((ground) =>
  RECIPES.flatMap((recipe) =>
    (recipe.variants ?? [undefined]).map((variant) => presetOf(recipe, variant, ground)),
  ),
);

/** The preset of this id, or, by its form alone, the usual one for a model. Undefined where there is none. */
export const presetById = (id: string, model: Ground["model"] = "demo"): Preset | undefined =>
  PRESETS.find((preset) => preset.id === id) ??
  PRESETS.find((preset) => preset.form === id && preset.ground.model === model);

/** Whether a preset trains an adapter and not all weights. */
export const isForAdapter = ({ values }: Preset): boolean => trainsAdapter(configWith(values));

/** The same recipe on the ground of its model that trains an adapter. */
export function adapterPreset(preset: Preset): Preset {
  const { form, ground } = preset;
  const all = PRESETS.filter((other) => other.form === form && other.ground.model === ground.model);
  return isForAdapter(preset) ? preset : (all.find(isForAdapter) ?? preset);
}

/** The form that `config` is one of, whatever its sizes; of several the one that says most. Undefined when it is none. */
export const presetIn = (config: RunConfig): Preset | undefined =>
  PRESETS.map((preset) => ({ preset, weight: likeness(preset, config) }))
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight)[0]?.preset;
