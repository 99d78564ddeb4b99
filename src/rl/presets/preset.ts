// Presets: a recipe in one of its variants on one of the grounds, with what is said about it. Which there are is in index.ts.

import { UserError } from "../../common/errors.ts";
import type { ConfigKey, RunConfig } from "../config.ts";
import { CONFIG_KEYS, configWith, differences, readValue } from "../config.ts";
import type { Method } from "../config/field.ts";
import { inSentence, isSameValue } from "../config/words.ts";
import type { Ground } from "./grounds.ts";
import type { Correction, Original, Recipe, Values, Variant } from "./recipe.ts";

export interface Preset {
  /** "cispo-demo", "cispo-aggressive-own". */
  readonly id: string;
  /** Without its ground: "cispo-aggressive". */
  readonly form: string;
  /** "CISPO, aggressive 20 / 0.1". */
  readonly label: string;
  readonly description: string;
  readonly source: string;
  readonly recipe: Recipe;
  readonly variant?: Variant;
  readonly ground: Ground;
  /** What the ground sets, for the recipe's method. */
  readonly sizes: Values;
  /** What recipe and variant set on these sizes. */
  readonly algorithm: Values;
  /** verl keys on top of the defaults: the ground's, then the recipe's and the variant's. */
  readonly values: Values;
}

/** `recipe` in `variant`, or in its only form, on `ground`. */
export function presetOf(recipe: Recipe, variant: Variant | undefined, ground: Ground): Preset {
  const isFirst = variant === undefined || variant === recipe.variants![0];
  const form = isFirst ? recipe.id : `${recipe.id}-${variant.id}`;
  const method = methodOf({ recipe, variant });
  const sizes: Values = { ...ground.values, ...ground.methods[method], "gradus.mode": method };
  const algorithm = algorithmOn({ recipe, variant }, configWith(sizes));
  return {
    id: `${form}-${ground.id}`,
    form,
    label: isFirst ? recipe.label : `${recipe.label}, ${inSentence(variant.label)}`,
    description: [recipe.description, ...(variant ? [variant.description] : [])].join(" "),
    source: variant?.source ?? recipe.source,
    recipe,
    ...(variant && { variant }),
    ground,
    sizes,
    algorithm,
    values: { ...sizes, ...algorithm },
  };
}

type Form = Pick<Preset, "recipe"> & { readonly variant?: Variant | undefined };

/** What recipe and variant set whatever the sizes. */
const fixedOf = ({ recipe, variant }: Form): Values => ({ ...recipe.values, ...variant?.values });

const methodOf = (form: Form): Method => (fixedOf(form)["gradus.mode"] ?? "rl") as Method;

/** What recipe and variant set on these sizes. */
const algorithmOn = (form: Form, sizes: RunConfig): Values => ({
  ...fixedOf(form),
  ...form.recipe.sized?.(sizes),
  ...form.variant?.sized?.(sizes),
});

/** What recipe and variant correct in a common guide. */
export const correctionsOf = ({ recipe, variant }: Preset): readonly Correction[] => [
  ...(recipe.corrections ?? []),
  ...(variant?.corrections ?? []),
];

export interface Scaled {
  readonly key: ConfigKey;
  readonly original: NonNullable<Original["values"][ConfigKey]>;
}

/** Settings that the source has otherwise than `config`. */
export function scaledIn({ recipe, variant }: Preset, config: RunConfig): readonly Scaled[] {
  const originals: Values = { ...recipe.original?.values, ...variant?.original?.values };
  return CONFIG_KEYS.flatMap((key) => {
    const original = originals[key];
    return original === undefined || isSameValue(original, config[key]) ? [] : [{ key, original }];
  });
}

/** What a form is told by, where it does not say otherwise. */
const TOLD_BY: Values = {
  "gradus.mode": "rl",
  "actor_rollout_ref.actor.policy_loss.loss_mode": "vanilla",
  "algorithm.adv_estimator": "grpo",
};

/** The preset with other sizes, to which what depends on them is fitted. Throws UserError when they do not go together. */
export function resized(preset: Preset, sizes: Values): RunConfig {
  const own = { ...preset.sizes, ...sizes };
  return configWith({ ...own, ...algorithmOn(preset, configWith(own)), ...sizes });
}

/**
 * What `config` would be if nothing had been changed but sizes that others follow from: what counts as changed is what is
 * otherwise than this. The settings need not go together.
 */
export function baseOf(preset: Preset, config: RunConfig): RunConfig {
  const plain = configWith(preset.values);
  const ground = configWith(preset.sizes);
  const own = Object.keys(preset.algorithm) as ConfigKey[];
  const sizes = { ...config, ...Object.fromEntries(own.map((key) => [key, ground[key]])) } as RunConfig;
  return { ...plain, ...algorithmOn(preset, sizes) } as RunConfig;
}

/**
 * `config` with `values`, which may be texts; what follows from sizes follows a change of them, as long as it was not changed
 * itself. Throws UserError when they do not fit.
 */
export function withChange(
  preset: Preset,
  config: RunConfig,
  values: Readonly<Record<string, unknown>>,
): RunConfig {
  const read = Object.entries(values).map(([key, value]) => [key, readValue(key as ConfigKey, value)]);
  const before = baseOf(preset, config);
  const after = baseOf(preset, { ...config, ...Object.fromEntries(read) } as RunConfig);
  const isFollowing = (key: ConfigKey): boolean =>
    isSameValue(config[key], before[key]) && !isSameValue(before[key], after[key]);
  const following = CONFIG_KEYS.filter(isFollowing).map((key) => [key, after[key]]);
  return configWith({ ...Object.fromEntries(following), ...values }, config);
}

/**
 * The settings of `to`, with what stands otherwise in `config` than in `from`: where the two presets agree, and where the
 * change does not touch what makes a recipe, unless it is the same one.
 */
export function carriedOver(config: RunConfig, from: Preset, to: Preset): RunConfig {
  const [before, after] = [baseOf(from, config), configWith(to.values)];
  const decided: Values = from.form === to.form ? {} : { ...from.algorithm, ...to.algorithm, ...TOLD_BY };
  const stays = ([key]: [string, unknown]): boolean =>
    !(key in decided) && isSameValue(before[key as ConfigKey], after[key as ConfigKey]);
  const kept: Values = Object.fromEntries(Object.entries(differences(config, before)).filter(stays));
  try {
    return resized(to, kept);
  } catch (error) {
    // The change went with what is now another.
    if (error instanceof UserError) return after;
    throw error;
  }
}

/** How many settings of `config` the form fixes; 0 when one of them, or what it is told by, is another there. */
export function likeness(preset: Preset, config: RunConfig): number {
  const fixed = fixedOf(preset);
  const told = fixed["gradus.mode"] === undefined ? { ...TOLD_BY, ...fixed } : fixed;
  const isSo = Object.entries(told).every(([key, value]) => isSameValue(value, config[key as ConfigKey]));
  return isSo ? Object.keys(told).length : 0;
}
