// From a run's settings to what the engine, the optimiser and the loss take. The only place that translates keys.

import type { LoraTarget } from "../model/lora.ts";
import type { PolicyOptions } from "../model/memory.ts";
import type { AdamwOptions } from "../optim/optimizer.ts";
import type { Schedule } from "../optim/schedule.ts";
import { learningRate } from "../optim/schedule.ts";
import type { RolloutOptions } from "../rollout/engine.ts";
import type { AdvantageEstimator, AdvantageSettings } from "./advantages/advantage.ts";
import { ADVANTAGE_ESTIMATORS } from "./advantages/index.ts";
import type { RunConfig } from "./config.ts";
import type { FilterPrecision } from "./filter-groups.ts";
import { FILTER_METRICS } from "./filter-groups.ts";
import type { OrderOptions } from "./prompts.ts";
import type { KlControl, KlControlSettings } from "./kl-control.ts";
import type { OverlongSettings } from "./rewards/overlong.ts";
import { aggregationMode } from "./losses/aggregate.ts";
import type { AggregationMode } from "./losses/aggregate.ts";
import { POLICY_LOSSES } from "./losses/index.ts";
import type { KlType } from "./losses/kl.ts";
import type { Objective } from "./losses/policy-loss.ts";
import { lossParams } from "./losses/policy-loss.ts";
import type { ResponseLogProb } from "./preference/loss.ts";

/** Elements of the scratch for logits: 64 MB; a smaller model takes what its logits need. */
const HEAD_CHUNK = 2 ** 24;
/** AdamW's epsilon, as in torch. */
const ADAM_EPS = 1e-8;

/** How a policy is laid out for this run. */
export function policyOptions(config: RunConfig): PolicyOptions {
  const rank = config["actor_rollout_ref.model.lora_rank"];
  const rows = config["actor_rollout_ref.rollout.max_num_seqs"];
  const lora = {
    rank,
    alpha: config["actor_rollout_ref.model.lora_alpha"],
    targets: config["actor_rollout_ref.model.target_modules"] as readonly LoraTarget[],
    seed: config["data.seed"],
  };
  return {
    ...(rank > 0 && { lora }),
    baseType: rank > 0 && config["gradus.base_type"] === "f16" ? "f16" : "f32",
    tokenBudget: config["actor_rollout_ref.actor.ppo_max_token_len_per_gpu"],
    activationCheckpointing: config["actor_rollout_ref.model.enable_gradient_checkpointing"],
    headChunk: HEAD_CHUNK,
    referenceCopy: rank === 0 && usesReference(config),
    rollout: {
      rows,
      promptSlots: Math.min(rows, config["gradus.prompt_slots"]),
      maxPrompt: config["data.max_prompt_length"],
      maxNew: config["data.max_response_length"],
    },
  };
}

/** Whether the loss has a KL term. */
export const usesKlLoss = (config: RunConfig): boolean =>
  config["gradus.mode"] === "rl" && config["actor_rollout_ref.actor.use_kl_loss"];

/** Whether a step needs log-probabilities under the reference policy. */
export const usesReference = (config: RunConfig): boolean =>
  usesKlLoss(config) || klRewardOf(config) !== undefined || preferenceOf(config)?.hasReference === true;

/**
 * Whether a step needs log-probabilities under the old policy before its updates: else its only update has them at hand.
 * Preference needs those before each update, and takes them there.
 */
export const needsOldPass = (config: RunConfig): boolean =>
  config["gradus.mode"] === "rl" && (updatesPerStep(config) > 1 || klRewardOf(config) !== undefined);

export interface PreferenceSettings {
  readonly beta: number;
  readonly margin: number;
  /** Every pair beyond the margin; else the best response of a group against its worst. */
  readonly usesAllPairs: boolean;
  readonly logProb: ResponseLogProb;
  readonly hasReference: boolean;
  readonly rounds: number;
}

/** Preference of better responses; undefined under another method. */
export function preferenceOf(config: RunConfig): PreferenceSettings | undefined {
  if (config["gradus.mode"] !== "preference") return undefined;
  return {
    beta: config["gradus.preference_beta"],
    margin: config["gradus.preference_margin"],
    usesAllPairs: config["gradus.ranking_loss"],
    logProb: config["gradus.preference_log_prob"] as ResponseLogProb,
    hasReference: config["gradus.preference_reference"],
    rounds: config["gradus.self_play_rounds"],
  };
}

/** KL in the reward; undefined when it is off. */
export function klRewardOf(
  config: RunConfig,
): (KlControlSettings & { readonly penalty: KlType }) | undefined {
  if (config["gradus.mode"] !== "rl" || !config["algorithm.use_kl_in_reward"]) return undefined;
  return {
    type: config["algorithm.kl_ctrl.type"] as KlControl,
    coef: config["algorithm.kl_ctrl.kl_coef"],
    target: config["algorithm.kl_ctrl.target_kl"],
    horizon: config["algorithm.kl_ctrl.horizon"],
    penalty: config["algorithm.kl_penalty"] as KlType,
  };
}

/** Prompts of one update. */
export function miniBatchSize(config: RunConfig): number {
  const size = config["actor_rollout_ref.actor.ppo_mini_batch_size"];
  return size > 0 ? size : config["data.train_batch_size"];
}

/** Updates of one step, or of one round of it. */
export const updatesPerStep = (config: RunConfig): number =>
  config["gradus.mode"] === "sft"
    ? 1
    : (config["actor_rollout_ref.actor.ppo_epochs"] * config["data.train_batch_size"]) /
      miniBatchSize(config);

/** AdamW at training step `step`, the first being 1: the rate of a step is the same for all its updates, as in verl. */
export function adamwOptions(config: RunConfig, step: number): AdamwOptions {
  const [beta1, beta2] = config["actor_rollout_ref.actor.optim.betas"];
  return {
    lr: learningRate(step, {
      baseLr: config["actor_rollout_ref.actor.optim.lr"],
      warmupSteps: config["actor_rollout_ref.actor.optim.lr_warmup_steps"],
      totalSteps: config["trainer.total_training_steps"],
      schedule: config["actor_rollout_ref.actor.optim.lr_scheduler_type"] as Schedule,
      minLrRatio: config["actor_rollout_ref.actor.optim.min_lr_ratio"],
    }),
    beta1: beta1!,
    beta2: beta2!,
    eps: ADAM_EPS,
    weightDecay: config["actor_rollout_ref.actor.optim.weight_decay"],
    decay: "all",
    maxNorm: config["actor_rollout_ref.actor.grad_clip"],
  };
}

/** What is minimised. Throws UserError when a setting of the loss makes no sense. */
export function objectiveOf(config: RunConfig): Objective {
  const loss = entryOf(POLICY_LOSSES, config["actor_rollout_ref.actor.policy_loss.loss_mode"]);
  const kl = {
    type: config["actor_rollout_ref.actor.kl_loss_type"] as KlType,
    coef: config["actor_rollout_ref.actor.kl_loss_coef"],
  };
  return {
    loss,
    params: lossParams(
      loss,
      (key) => (config as Readonly<Record<string, unknown>>)[key] as number | undefined,
    ),
    ...(usesKlLoss(config) && { kl }),
    entropyCoef: config["actor_rollout_ref.actor.entropy_coeff"],
  };
}

/** How token losses become one number, for the policy term and for KL and entropy. */
export function aggregationOf(
  config: RunConfig,
  { loss }: Objective,
): { policy: AggregationMode; penalty: AggregationMode; tokenNormaliser: number } {
  const penalty = aggregationMode(config["actor_rollout_ref.actor.loss_agg_mode"]);
  const factor = config["actor_rollout_ref.actor.loss_scale_factor"];
  const tokenNormaliser = factor > 0 ? factor : config["data.max_response_length"];
  return { policy: loss.aggregation ?? penalty, penalty, tokenNormaliser };
}

/** The estimator of advantages and its settings. */
export function advantagesOf(config: RunConfig): {
  estimator: AdvantageEstimator;
  settings: AdvantageSettings;
} {
  return {
    estimator: entryOf(ADVANTAGE_ESTIMATORS, config["algorithm.adv_estimator"]),
    settings: {
      normaliseByStd: config["algorithm.norm_adv_by_std_in_grpo"],
      epsilon: config["gradus.advantage_epsilon"],
      stdOver: config["gradus.advantage_std"] as "group" | "batch",
      gamma: config["algorithm.gamma"],
    },
  };
}

/** How responses are sampled in training. */
export function samplingOf(config: RunConfig): RolloutOptions["sampling"] {
  return {
    temperature: config["actor_rollout_ref.rollout.temperature"],
    topK: Math.max(0, config["actor_rollout_ref.rollout.top_k"]),
    topP: config["actor_rollout_ref.rollout.top_p"],
    seed: [config["data.seed"], 0],
  };
}

/** In which order prompts are taken. */
export const orderOf = (config: RunConfig): OrderOptions => ({
  seed: config["data.seed"],
  shuffle: config["data.shuffle"],
});

export interface FilterSettings {
  readonly precision: FilterPrecision;
  /** Prompts answered in a round. */
  readonly roundSize: number;
  /** 0 or below: no limit. */
  readonly maxRounds: number;
}

/** Dynamic sampling; undefined when it is off. */
export function filterOf(config: RunConfig): FilterSettings | undefined {
  if (!config["algorithm.filter_groups.enable"]) return undefined;
  const { precision } = entryOf(FILTER_METRICS, config["algorithm.filter_groups.metric"]);
  const roundSize = config["data.gen_batch_size"];
  return {
    precision,
    roundSize: roundSize > 0 ? roundSize : config["data.train_batch_size"],
    maxRounds: config["algorithm.filter_groups.max_num_gen_batches"],
  };
}

/** The penalty for long responses; undefined when it is off. */
export function overlongOf(config: RunConfig): OverlongSettings | undefined {
  if (!config["reward.reward_kwargs.overlong_buffer_cfg.enable"]) return undefined;
  return {
    maxLength: config["data.max_response_length"],
    buffer: config["reward.reward_kwargs.overlong_buffer_cfg.len"],
    factor: config["reward.reward_kwargs.overlong_buffer_cfg.penalty_factor"],
  };
}

const entryOf = <T extends { readonly id: string }>(list: readonly T[], id: string): T =>
  list.find((entry) => entry.id === id)!;
