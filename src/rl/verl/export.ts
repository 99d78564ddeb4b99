// Settings as verl has them: its values where ours differ, what it needs besides, and what it will not understand. Written
// for verl's configuration tree of August 2026; which keys that has is checked by a test.

import type { ConfigKey, RunConfig } from "../config.ts";
import { differences, fieldOf, FIELDS } from "../config.ts";
import { CRITIC_FIELDS } from "../config/critic-fields.ts";
import { criticOf, miniBatchSize, usesCritic } from "../options/index.ts";
import type { Values } from "./imported.ts";
import type { Need } from "./needed.ts";
import { needsOf } from "./needed.ts";

/** Sections that verl's tree does not have: a command must add them. */
const ADDED = ["gradus", "reward.reward_kwargs"];

/** Settings that stand for something in verl that is named or written in another way. */
const AS_VERL: { readonly [K in ConfigKey]?: (config: RunConfig) => unknown } = {
  "actor_rollout_ref.actor.ppo_mini_batch_size": miniBatchSize,
  "actor_rollout_ref.actor.loss_scale_factor": (config) =>
    orNull(config["actor_rollout_ref.actor.loss_scale_factor"]),
  "algorithm.rollout_correction.rollout_is_threshold": (config) =>
    numberOrText(config["algorithm.rollout_correction.rollout_is_threshold"]),
  "algorithm.rollout_correction.rollout_rs_threshold": (config) =>
    numberOrText(config["algorithm.rollout_correction.rollout_rs_threshold"]),
  "critic.loss_agg_mode": (config) => criticOf(config).aggregation,
  "critic.ppo_epochs": (config) => criticOf(config).epochs,
  "data.gen_batch_size": (config) => orNull(config["data.gen_batch_size"]),
};

/** verl has a number where it is one. */
const numberOrText = (text: string): number | string | null =>
  text === "" ? null : Number.isFinite(Number(text)) ? Number(text) : text;

const orNull = (value: number): number | null => (value > 0 ? value : null);

const LOSSES = "vanilla dppo_tv dppo_kl gspo sapo gpg clip_cov kl_cov geo_mean dro cispo bypass_mode".split(
  " ",
);
const ESTIMATORS =
  "gae grpo reinforce_plus_plus reinforce_plus_plus_baseline remax rloo opo grpo_passk gpg rloo_vectorized grpo_vectorized optimal_token_baseline tir_optimal_token_baseline gdpo".split(
    " ",
  );
const SCHEDULES = ["constant", "cosine"];
const LOSS = "actor_rollout_ref.actor.policy_loss.loss_mode";
const ESTIMATOR = "algorithm.adv_estimator";
const OPTIM = "actor_rollout_ref.actor.optim";
const SCHEDULE = `${OPTIM}.lr_scheduler_type` as const;
const CRITIC_SCHEDULE = "critic.optim.lr_scheduler_type";
const FINAL = /\.optim\.min_lr_ratio$/;
const MEGATRON: Readonly<Record<string, string>> = {
  [SCHEDULE]: `${OPTIM}.lr_decay_style`,
  "actor_rollout_ref.actor.grad_clip": `${OPTIM}.clip_grad`,
  [CRITIC_SCHEDULE]: "critic.optim.lr_decay_style",
  "critic.grad_clip": "critic.optim.clip_grad",
};

export interface VerlSettings {
  /** What a run here has no setting for, each with its comment. */
  readonly needs: readonly Need[];
  /** Ours, as verl has them. */
  readonly run: Values;
  /** Under `gradus.`, which verl has not. */
  readonly own: Values;
  /** The rest of what an import has kept. */
  readonly kept: Values;
  /** A sentence for each setting that verl would refuse or understand in another way. */
  readonly warnings: readonly string[];
  /** verl's training engine where it is not its own default; chosen among verl's files, not by a setting. */
  readonly engine: string | undefined;
}

/** `config`, with what an import has kept, as verl has it. What was kept stands above what verl needs. */
export function verlSettings(config: RunConfig, kept: Values = {}): VerlSettings {
  const changed = differences(config);
  const isWritten = (key: string): boolean =>
    usesCritic(config) || !Object.hasOwn(CRITIC_FIELDS, key) || Object.hasOwn(changed, key);
  const keys = (Object.keys(config) as ConfigKey[]).filter(isWritten);
  const values = Object.fromEntries(keys.map((key) => [key, AS_VERL[key]?.(config) ?? plain(key, config)]));
  const isOwn = (key: string): boolean => key.startsWith("gradus.");
  const pick = (isWanted: (key: string) => boolean): Values =>
    Object.fromEntries(Object.entries(values).filter(([key]) => isWanted(key)));
  const needs = needsOf(config, kept);
  const engine = engineOf(kept);
  const plainRun = pick((key) => !isOwn(key));
  const run = engine === "megatron" ? asMegatron(plainRun) : plainRun;
  const known = new Set([...needs.map(({ key }) => key), ...keys, ...Object.keys(run)]);
  const rest = Object.entries(kept).filter(([key]) => !known.has(key) && !HEADER.has(key));
  return {
    needs,
    run,
    own: pick(isOwn),
    kept: Object.fromEntries(rest),
    warnings: warningsOf(config),
    engine,
  };
}

/** Where verl finds its own files and which it takes; an export writes its own. */
const HEADER = new Set(["defaults", "hydra.searchpath", "model_engine"]);

/** The engine that an import has named, or has settings of. */
function engineOf(kept: Values): string | undefined {
  const named = kept["model_engine"];
  if (typeof named === "string") return named === "dp" ? undefined : named;
  return Object.keys(kept).some((key) => key.split(".").includes("megatron")) ? "megatron" : undefined;
}

/** Megatron's optimisers have other names, and a final rate instead of a share. */
function asMegatron(run: Values): Values {
  const renamed = Object.entries(run).map(([key, value]) =>
    FINAL.test(key)
      ? [key.replace("_ratio", ""), Number(value) * Number(run[key.replace("min_lr_ratio", "lr")])]
      : [MEGATRON[key] ?? key, value],
  );
  return Object.fromEntries(renamed) as Values;
}

/** null stays null under AS_VERL: `??` would bring back ours. */
function plain(key: ConfigKey, config: RunConfig): unknown {
  const field = fieldOf(key);
  const isNull = "nullValue" in field && field.nullValue === config[key];
  return AS_VERL[key] || isNull ? null : config[key];
}

/** Whether a command has to add `key` to verl's tree. */
export const isAdded = (key: string): boolean => ADDED.some((section) => key.startsWith(`${section}.`));

function warningsOf(config: RunConfig): string[] {
  const mode = FIELDS["gradus.mode"].choices.find(({ value }) => value === config["gradus.mode"])!;
  if (mode.value !== "rl")
    return [`The method is "${mode.label}", which verl's main_ppo does not have: it would train by reward.`];
  const check = (key: ConfigKey, known: readonly string[], what: string): string[] =>
    known.includes(config[key] as string)
      ? []
      : [`verl has no ${what} "${String(config[key])}" (${key}): choose another, or add it there.`];
  return [
    ...check(LOSS, LOSSES, "policy loss"),
    ...check(ESTIMATOR, ESTIMATORS, "advantage estimator"),
    ...check(SCHEDULE, SCHEDULES, "schedule"),
    ...(usesCritic(config) ? check(CRITIC_SCHEDULE, SCHEDULES, "schedule") : []),
  ];
}

/** What a setting of ours is called in the form; a comment. */
export const labelOf = (key: string): string => fieldOf(key as ConfigKey).label;
