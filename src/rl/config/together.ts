// What single fields cannot tell: settings that are right each for itself and do not go together.

import { UserError } from "../../common/errors.ts";
import { ADVANTAGE_ESTIMATORS } from "../advantages/index.ts";
import type { RunConfig } from "../config.ts";
import { entropyControlStart } from "../entropy-control.ts";
import { correctionOf, criticOnlySteps, entropyControlOf, objectiveOf } from "../options/index.ts";
import { REWARDS } from "../rewards/index.ts";
import { checkOverlong } from "../rewards/overlong.ts";

/** Throws UserError when the method compares the responses of a group, or of a step, and there is only one. */
function checkGroup(config: RunConfig): void {
  const group = config["actor_rollout_ref.rollout.n"];
  if (group >= 2) return;
  const estimator = config["algorithm.adv_estimator"];
  const isPreference = config["gradus.mode"] === "preference";
  const { needs } = ADVANTAGE_ESTIMATORS.find(({ id }) => id === estimator)!;
  if (!isPreference && needs.includes("batch") && config["data.train_batch_size"] < 2)
    throw new UserError(
      `A step has 1 prompt and group size 1: ${estimator} compares the responses of a step, and one alone would teach nothing. Set prompts per step (data.train_batch_size) or group size (actor_rollout_ref.rollout.n) to 2 or more.`,
    );
  if (!isPreference && !needs.includes("group")) return;
  const what = isPreference ? "a pair" : "a group-relative advantage";
  throw new UserError(
    `Group size is ${group}: ${what} needs at least 2 responses per prompt. Set group size (actor_rollout_ref.rollout.n) to 2 or more.`,
  );
}

/** Throws UserError when no reward is on, or the person's own without a function. */
function checkRewards(config: RunConfig): void {
  if (REWARDS.every(({ id }) => config[`gradus.reward_weight.${id}`] === 0))
    throw new UserError(
      `Every reward has the weight 0, so that all responses are alike and nothing is learnt. Give one a weight, such as 1 to gradus.reward_weight.${REWARDS[0].id}.`,
    );
  if (config["gradus.reward_weight.custom"] !== 0 && config["gradus.reward_function"].trim() === "")
    throw new UserError(
      "Your own reward is on (gradus.reward_weight.custom), and its function is empty. Write one in the recipe under Your own reward, name its file on the command line with --reward FILE.js, or set the weight to 0.",
    );
}

/** Throws UserError when dynamic sampling would keep every group. */
function checkFilter(config: RunConfig): void {
  const isBlind =
    config["algorithm.filter_groups.enable"] &&
    config["algorithm.filter_groups.metric"] === "seq_final_reward" &&
    config["algorithm.use_kl_in_reward"];
  if (!isBlind) return;
  throw new UserError(
    "Dynamic sampling is judged by seq_final_reward (algorithm.filter_groups.metric) and KL is in the reward (algorithm.use_kl_in_reward): every response pays another price for KL, so that no group would be left out. Judge groups by seq_reward or acc.",
  );
}

/** Throws UserError when the critic alone learns until the run ends. */
function checkWarmup(config: RunConfig): void {
  const steps = config["trainer.total_training_steps"];
  if (criticOnlySteps(config) < steps) return;
  throw new UserError(
    `Only the critic learns before step ${config["trainer.critic_warmup"]}, and the run has ${steps} steps: the policy would stay as it is. Set critic warm-up (trainer.critic_warmup) to ${steps} or less, or take more steps (trainer.total_training_steps).`,
  );
}

/** Throws UserError when the settings of the loss and of what stands around it do not go together. */
function checkObjective(config: RunConfig): void {
  objectiveOf(config);
  correctionOf(config);
  const control = entropyControlOf(config);
  if (control) entropyControlStart(control);
}

/** Throws UserError naming the settings that do not go together, and what would. */
export function checkTogether(config: RunConfig): void {
  const mode = config["gradus.mode"];
  if (mode !== "sft") {
    // Given responses come in pairs, and nothing judges them.
    if (mode !== "dpo") {
      checkGroup(config);
      checkRewards(config);
    }
    if (mode === "rl") {
      checkObjective(config);
      checkFilter(config);
      checkWarmup(config);
    }
    const batch = config["data.train_batch_size"];
    const mini = config["actor_rollout_ref.actor.ppo_mini_batch_size"];
    if (mini > 0 && batch % mini !== 0)
      throw new UserError(
        `Prompts per step is ${batch} and prompts per update ${mini}: every update of a step must have as many. Set prompts per update (actor_rollout_ref.actor.ppo_mini_batch_size) to a divisor of ${batch}.`,
      );
  }
  if (config["reward.reward_kwargs.overlong_buffer_cfg.enable"])
    checkOverlong({
      maxLength: config["data.max_response_length"],
      buffer: config["reward.reward_kwargs.overlong_buffer_cfg.len"],
      factor: config["reward.reward_kwargs.overlong_buffer_cfg.penalty_factor"],
    });
  const longest = config["data.max_prompt_length"] + config["data.max_response_length"];
  const budget = config["actor_rollout_ref.actor.ppo_max_token_len_per_gpu"];
  if (budget < longest)
    throw new UserError(
      `The token budget is ${budget}, and one prompt with its response may have ${longest} tokens: raise the budget (actor_rollout_ref.actor.ppo_max_token_len_per_gpu) or lower the longest prompt or response.`,
    );
}
