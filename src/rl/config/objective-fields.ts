// Settings of what is minimised: policy loss, advantages, KL and entropy. Choices come from the lists of losses and
// estimators; a new entry there appears here by itself.

import { ADVANTAGE_ESTIMATORS } from "../advantages/index.ts";
import { AGGREGATION_MODES } from "../losses/aggregate.ts";
import { POLICY_LOSSES } from "../losses/index.ts";
import { KL_TYPES } from "../losses/kl.ts";
import type { Choice, Field } from "./field.ts";

/** Entries of a list as choices. */
const entries = (
  list: readonly { readonly id: string; readonly label: string; readonly description: string }[],
): Choice[] => list.map(({ id, label, description }) => ({ value: id, label, help: description }));

const plain = (...values: readonly string[]): Choice[] => values.map((value) => ({ value, label: value }));

export const OBJECTIVE_FIELDS = {
  "gradus.format_score": {
    kind: "number",
    label: "Format reward",
    help: "Reward of a response that states a number in the right form, but a wrong one.",
    topic: "Advantage",
    default: 0,
    min: 0,
    max: 1,
    source: "verl's format_score",
  },
  "algorithm.adv_estimator": {
    kind: "choice",
    label: "Advantage",
    help: "How rewards become advantages.",
    topic: "Advantage",
    default: "grpo",
    choices: entries(ADVANTAGE_ESTIMATORS),
    source: "Gradus; verl gae",
  },
  "algorithm.norm_adv_by_std_in_grpo": {
    kind: "boolean",
    label: "Divide by the group's deviation",
    help: "Off is Dr. GRPO: groups with little spread then weigh less.",
    topic: "Advantage",
    default: true,
    source: "verl",
  },
  "gradus.advantage_epsilon": {
    kind: "number",
    label: "Advantage epsilon",
    help: "Added to the standard deviation of a group.",
    topic: "Advantage",
    default: 1e-6,
    min: 0,
    isAboveMin: true,
    max: 1,
    source: "verl; TRL 1e-4",
  },
  "actor_rollout_ref.actor.policy_loss.loss_mode": {
    kind: "choice",
    label: "Policy loss",
    help: "What is minimised, given advantages and probability ratios.",
    topic: "Policy loss",
    isCommon: true,
    default: "vanilla",
    choices: entries(POLICY_LOSSES),
    source: "verl",
  },
  "actor_rollout_ref.actor.clip_ratio_low": {
    kind: "number",
    label: "Clip low",
    help: "A token that became less likely by more than this share stops being pushed down.",
    topic: "Policy loss",
    default: 0.2,
    min: 0,
    source: "verl",
  },
  "actor_rollout_ref.actor.clip_ratio_high": {
    kind: "number",
    label: "Clip high",
    help: "A token that became more likely by more than this share stops being pushed up. DAPO: 0.28.",
    topic: "Policy loss",
    default: 0.2,
    min: 0,
    source: "verl",
  },
  "actor_rollout_ref.actor.clip_ratio_c": {
    kind: "number",
    label: "Dual clip",
    help: "Largest weight of a response with negative advantage.",
    topic: "Policy loss",
    default: 3,
    min: 1,
    isAboveMin: true,
    source: "verl",
  },
  "actor_rollout_ref.actor.loss_agg_mode": {
    kind: "choice",
    label: "Aggregation",
    help: "How the losses of tokens become one number: per token, or per response first.",
    topic: "Policy loss",
    default: "token-mean",
    choices: plain(...AGGREGATION_MODES),
    source: "verl",
  },
  "actor_rollout_ref.actor.loss_scale_factor": {
    kind: "number",
    label: "Token normaliser",
    help: "Divides token sums under seq-mean-token-sum-norm; Dr. GRPO sets the longest response.",
    topic: "Policy loss",
    unit: "tokens",
    default: -1,
    min: 0,
    isAboveMin: true,
    special: { value: -1, meaning: "the longest response" },
    source: "verl: null, the width of the batch",
  },
  "actor_rollout_ref.actor.entropy_coeff": {
    kind: "number",
    label: "Entropy bonus",
    help: "Rewards spread-out token distributions. A little keeps exploration alive, too much makes noise.",
    topic: "KL and entropy",
    unit: "per nat",
    default: 0,
    min: -1,
    max: 1,
    source: "verl",
  },
  "actor_rollout_ref.actor.use_kl_loss": {
    kind: "boolean",
    label: "KL loss",
    help: "Pulls the policy towards the model it started from. Costs one more forward pass; with full fine-tuning also a copy of the weights.",
    topic: "KL and entropy",
    default: false,
    source: "verl",
    isFixedInRun: true,
  },
  "actor_rollout_ref.actor.kl_loss_coef": {
    kind: "number",
    label: "KL coefficient",
    help: "Weight of the KL loss.",
    topic: "KL and entropy",
    default: 0.001,
    min: 0,
    max: 10,
    source: "verl",
  },
  "actor_rollout_ref.actor.kl_loss_type": {
    kind: "choice",
    label: "KL estimator",
    help: "low_var_kl (k3) is never negative and has low variance. A + takes its value and the gradient of mse.",
    topic: "KL and entropy",
    default: "low_var_kl",
    choices: plain(...KL_TYPES),
    source: "verl",
  },
} as const satisfies Record<string, Field>;
