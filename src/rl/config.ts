// The configuration of a run: verl's keys with dots, ours under `gradus.`, each with one checked value. What a setting means
// is data in config/; which values belong together for a recipe is in presets/.

import { UserError } from "../common/errors.ts";
import { nearest } from "../common/nearest.ts";
import { ADVANTAGE_ESTIMATORS } from "./advantages/index.ts";
import { AS_POLICY } from "./config/critic-fields.ts";
import type { Condition, Field, FieldValue, ValueOf, Wanted } from "./config/field.ts";
import { nullValueOf } from "./config/field.ts";
import { FIELDS } from "./config/fields.ts";
import { checkTogether } from "./config/together.ts";
import { POLICY_LOSSES } from "./losses/index.ts";
import { TRL_AGGREGATIONS } from "./losses/aggregate.ts";
import { usesCritic } from "./options/critic.ts";

export type { Choice, Field, FieldValue, Topic } from "./config/field.ts";
export { nullValueOf, TOPICS } from "./config/field.ts";
export { FIELDS } from "./config/fields.ts";

export type ConfigKey = keyof typeof FIELDS;
export type RunConfig = { readonly [K in ConfigKey]: ValueOf<(typeof FIELDS)[K]> };

export const CONFIG_KEYS = Object.keys(FIELDS) as ConfigKey[];
export const fieldOf = (key: ConfigKey): Field => FIELDS[key];

/** Settings that only those losses, or those estimators, read that name them. */
const LOSS_KEYS = new Set(POLICY_LOSSES.flatMap(({ params }) => params.map(({ key }) => key)));
const ESTIMATOR_KEYS = new Set(ADVANTAGE_ESTIMATORS.flatMap(({ params }) => params));

/** Whether `key` is a matter of single losses or estimators, not of all. */
export const isParameter = (key: ConfigKey): boolean => LOSS_KEYS.has(key) || ESTIMATOR_KEYS.has(key);

/**
 * Whether a run with `config` reads `key`: its method does, the chosen loss and estimator do where it is a matter of theirs,
 * and the settings that it stands under are read and have the right values.
 */
export function isRead(key: ConfigKey, config: RunConfig): boolean {
  const { mode, when } = fieldOf(key);
  const methods: readonly string[] | undefined = typeof mode === "string" ? [mode] : mode;
  if (methods !== undefined && !methods.includes(config["gradus.mode"])) return false;
  if (!isTaken(key, config)) return false;
  const values: Readonly<Record<string, FieldValue>> = config;
  const holds = (condition: Condition): boolean =>
    Object.entries(condition).every(
      ([other, wanted]) => isRead(other as ConfigKey, config) && isWanted(values[other]!, wanted),
    );
  return when === undefined || alternatives(when).some(holds);
}

/** Whether the chosen loss or estimator takes `key`, or nobody's choice decides that. */
function isTaken(key: ConfigKey, config: RunConfig): boolean {
  const loss = config["actor_rollout_ref.actor.policy_loss.loss_mode"];
  const estimator = config["algorithm.adv_estimator"];
  if (!isParameter(key)) return true;
  return (
    POLICY_LOSSES.some(({ id, params }) => id === loss && params.some((param) => param.key === key)) ||
    ADVANTAGE_ESTIMATORS.some(({ id, params }) => id === estimator && params.includes(key))
  );
}

const alternatives = (when: NonNullable<Field["when"]>): readonly Condition[] =>
  Array.isArray(when) ? (when as readonly Condition[]) : [when as Condition];

const isWanted = (value: FieldValue, wanted: Wanted): boolean =>
  "except" in wanted
    ? !(wanted.except as readonly unknown[]).includes(value)
    : (wanted as readonly unknown[]).includes(value);

export const DEFAULTS: RunConfig = Object.freeze(
  Object.fromEntries(CONFIG_KEYS.map((key) => [key, FIELDS[key].default])),
) as unknown as RunConfig;

/**
 * `base` with `values` on top. A value may be its text, as a form or a command line gives it. Throws UserError naming the
 * key, the value and what fits; an unknown key is told with the nearest known one.
 */
export function configWith(values: Readonly<Record<string, unknown>>, base: RunConfig = DEFAULTS): RunConfig {
  const changed = Object.entries(values).map(([key, value]) => [
    knownKey(key),
    readValue(key as ConfigKey, value),
  ]);
  const config = normalised({ ...base, ...Object.fromEntries(changed) } as RunConfig);
  checkTogether(config);
  return config;
}

/**
 * One way of saying it where there are two: an update of as many prompts as the step has is the whole step, and a critic that
 * is told what the policy is told follows it.
 */
function normalised(config: RunConfig): RunConfig {
  const key = "actor_rollout_ref.actor.ppo_mini_batch_size";
  const named = withAggregation(config);
  const isWhole = named[key] === named["data.train_batch_size"];
  const follows = (name: "loss_agg_mode" | "ppo_epochs"): boolean =>
    named[`critic.${name}`] === named[`actor_rollout_ref.actor.${name}`];
  return {
    ...named,
    ...(isWhole && { [key]: -1 }),
    ...(follows("loss_agg_mode") && { "critic.loss_agg_mode": AS_POLICY }),
    ...(follows("ppo_epochs") && { "critic.ppo_epochs": -1 }),
  };
}

/** TRL's name of an aggregation as verl's settings. */
function withAggregation(config: RunConfig): RunConfig {
  const name = config["actor_rollout_ref.actor.loss_agg_mode"];
  if (!Object.hasOwn(TRL_AGGREGATIONS, name)) return config;
  return {
    ...config,
    "actor_rollout_ref.actor.loss_agg_mode": TRL_AGGREGATIONS[name as keyof typeof TRL_AGGREGATIONS],
    // dr_grpo divides by the longest response, whatever this was.
    ...(name === "dr_grpo" && { "actor_rollout_ref.actor.loss_scale_factor": -1 }),
  };
}

/** Settings that were kept, possibly by another version: one that no longer exists is left out, a new one has its default. */
export const keptSettings = (values: Readonly<Record<string, unknown>>): RunConfig =>
  configWith(Object.fromEntries(Object.entries(values).filter(([key]) => Object.hasOwn(FIELDS, key))));

function knownKey(key: string): ConfigKey {
  if (Object.hasOwn(FIELDS, key)) return key as ConfigKey;
  const close = nearest(key, CONFIG_KEYS);
  throw new UserError(`There is no setting "${key}".${close ? ` Did you mean ${close}?` : ""}`);
}

/** Why `value` does not suit `key`, or undefined. */
export function problemWith(key: ConfigKey, value: unknown): string | undefined {
  try {
    readValue(key, value);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The value of `key` that `value`, or its text, stands for. Throws UserError when it does not suit `key`. */
export function readValue(key: ConfigKey, value: unknown): FieldValue {
  const field = fieldOf(key);
  const refuse = (wanted: string): UserError =>
    new UserError(`${field.label} (${key}) is ${JSON.stringify(value) ?? "missing"}: ${wanted} is needed.`);
  if (field.kind === "boolean") {
    const text = String(value).toLowerCase();
    if (text !== "true" && text !== "false") throw refuse("true or false");
    return text === "true";
  }
  // verl writes null for what is not set; that is a value of its own here, or the default.
  const isNull = value === null && nullValueOf(field) !== undefined;
  if (field.kind === "choice") {
    if (isNull) return nullValueOf(field)!;
    if (field.choices.some((choice) => choice.value === value)) return value as string;
    throw refuse(`one of ${field.choices.map((choice) => choice.value).join(", ")}`);
  }
  if (field.kind === "choices") {
    const all = field.choices.map((choice) => choice.value);
    if (value === "all-linear") return all;
    const list = listOf(value).map(String);
    if (list.length === 0 || !list.every((item) => all.includes(item)))
      throw refuse(`some of ${all.join(", ")}`);
    return all.filter((item) => list.includes(item));
  }
  if (field.kind === "text") {
    const text = value ?? field.default;
    if (typeof text === "string" && text.length <= field.maxLength) return text;
    throw new UserError(
      `${field.label} (${key}) is ${typeof text === "string" ? `${text.length} characters long` : `a ${typeof text}`}: a text of at most ${field.maxLength} characters is needed.`,
    );
  }
  if (field.kind === "line") {
    if (isNull) return nullValueOf(field)!;
    const text = typeof value === "string" || typeof value === "number" ? String(value).trim() : undefined;
    if (text === undefined || !field.pattern.test(text)) throw refuse(field.wanted);
    // One way of writing a number, so that 2.0 is 2.
    return text !== "" && Number.isFinite(Number(text)) ? String(Number(text)) : text;
  }
  const wanted = rangeText(field);
  if (field.kind === "numbers") {
    const list = listOf(value).map(numberOf);
    if (list.length !== field.length || !list.every((item) => isInRange(field, item)))
      throw refuse(`${field.length} times ${wanted}`);
    return list;
  }
  const number = value === null ? (field.special?.value ?? field.default) : numberOf(value);
  if (number === field.special?.value) return number;
  if (!isInRange(field, number) || (field.kind === "integer" && !Number.isSafeInteger(number)))
    throw refuse(wanted);
  return number;
}

const numberOf = (value: unknown): number =>
  typeof value === "number"
    ? value
    : typeof value === "string" && value.trim() !== ""
      ? Number(value)
      : Number.NaN;

/** A list, or its text with or without brackets. */
const listOf = (value: unknown): unknown[] =>
  Array.isArray(value)
    ? value
    : String(value)
        .replace(/^\s*\[|\]\s*$/g, "")
        .split(",")
        .map((item) => item.trim())
        .filter((item) => item !== "");

type Ranged = Extract<Field, { kind: "number" | "integer" | "numbers" }>;

function isInRange({ min = -Infinity, max = Infinity, isAboveMin }: Ranged, value: number): boolean {
  return Number.isFinite(value) && (isAboveMin ? value > min : value >= min) && value <= max;
}

function rangeText(field: Ranged): string {
  const { min, max, isAboveMin, kind } = field;
  const noun = kind === "integer" ? "a whole number" : "a number";
  const from = min === undefined ? "" : isAboveMin ? ` above ${min}` : ` from ${min}`;
  const to = max === undefined ? "" : ` up to ${max}`;
  const special =
    kind !== "numbers" && field.special ? `, or ${field.special.value} for ${field.special.meaning},` : "";
  return `${noun}${from}${to}${special}`;
}

/** Settings of `config` that are not the default. */
export function differences(
  config: RunConfig,
  base: RunConfig = DEFAULTS,
): Readonly<Record<string, FieldValue>> {
  const isSame = (key: ConfigKey): boolean => JSON.stringify(config[key]) === JSON.stringify(base[key]);
  return Object.fromEntries(CONFIG_KEYS.filter((key) => !isSame(key)).map((key) => [key, config[key]]));
}

/** Throws UserError when `next` differs from `current` in a setting that a run that has begun cannot change. */
export function checkResumable(current: RunConfig, next: RunConfig): void {
  for (const key of Object.keys(differences(next, current)) as ConfigKey[]) {
    const { isFixedInRun, label } = fieldOf(key);
    if (isFixedInRun)
      throw new UserError(
        `${label} (${key}) is ${JSON.stringify(current[key])} in this run and cannot become ${JSON.stringify(next[key])}: its data or memory depend on it. Start a new run for that.`,
      );
  }
  if (usesCritic(current) !== usesCritic(next))
    throw new UserError(
      `Advantage (algorithm.adv_estimator) is ${current["algorithm.adv_estimator"]} in this run and cannot become ${next["algorithm.adv_estimator"]}: one of the two has a critic, which is kept with the run. Start a new run for that.`,
    );
}
