// How the policy of a run is laid out on the device, and how AdamW moves it.

import type { LoraTarget } from "../../model/lora.ts";
import type { PolicyOptions } from "../../model/memory.ts";
import type { ParameterSource } from "../../model/parameters.ts";
import type { AdamwOptions } from "../../optim/optimizer.ts";
import type { Schedule } from "../../optim/schedule.ts";
import { learningRate } from "../../optim/schedule.ts";
import type { RunConfig } from "../config.ts";
import { criticOnlySteps } from "./critic.ts";
import { usesReference } from "./objective.ts";
import { rolloutSizes } from "./rollout.ts";

/** Elements of the scratch for logits: 64 MB; a smaller model takes what its logits need. */
const HEAD_CHUNK = 2 ** 24;
/** AdamW's epsilon, as in torch. */
const ADAM_EPS = 1e-8;

/** How a policy is laid out for this run; `weights` say what they have in 4-bit blocks. */
export function policyOptions(
  config: RunConfig,
  weights: Pick<ParameterSource, "blockType"> = {},
): PolicyOptions {
  const rank = config["actor_rollout_ref.model.lora_rank"];
  const lora = {
    rank,
    alpha: config["actor_rollout_ref.model.lora_alpha"],
    targets: config["actor_rollout_ref.model.target_modules"] as readonly LoraTarget[],
    seed: config["data.seed"],
  };
  return {
    ...(rank > 0 && { lora }),
    baseType: rank > 0 ? (config["gradus.base_type"] as PolicyOptions["baseType"]) : "f32",
    ...(weights.blockType && { blockType: (name) => weights.blockType!(name) }),
    tokenBudget: config["actor_rollout_ref.actor.ppo_max_token_len_per_gpu"],
    activationCheckpointing: config["actor_rollout_ref.model.enable_gradient_checkpointing"],
    headChunk: HEAD_CHUNK,
    referenceCopy: rank === 0 && usesReference(config),
    // ONNX Runtime has caches of its own.
    ...(config["gradus.rollout_engine"] !== "onnxruntime" && { rollout: rolloutSizes(config) }),
  };
}

/** What has an optimiser of its own; the section of its settings. */
type Trained = "actor_rollout_ref.actor" | "critic";

/**
 * AdamW of the policy, or of its critic, at training step `step`, the first being 1: the rate of a step is the same for all its
 * updates, as in verl. The policy's schedule begins with its first update.
 */
export function adamwOptions(
  config: RunConfig,
  step: number,
  of: Trained = "actor_rollout_ref.actor",
): AdamwOptions {
  const [beta1, beta2] = config[`${of}.optim.betas`];
  const before = of === "critic" ? 0 : criticOnlySteps(config);
  return {
    lr: learningRate(step - before, {
      baseLr: config[`${of}.optim.lr`],
      warmupSteps: config[`${of}.optim.lr_warmup_steps`],
      totalSteps: config["trainer.total_training_steps"] - before,
      schedule: config[`${of}.optim.lr_scheduler_type`] as Schedule,
      minLrRatio: config[`${of}.optim.min_lr_ratio`],
    }),
    beta1: beta1!,
    beta2: beta2!,
    eps: ADAM_EPS,
    weightDecay: config[`${of}.optim.weight_decay`],
    decay: "all",
    maxNorm: config[`${of}.grad_clip`],
  };
}
