// Rollout correction: whether tokens are weighed or left out for how far the sampler was off, and from which policy.

import { UserError } from "../../common/errors.ts";
import type { RunConfig } from "../config.ts";
import { readCorrection } from "../rollout-correction-settings.ts";
import type { CorrectionSettings } from "../rollout-correction.ts";

const SECTION = "algorithm.rollout_correction";

/** Weights and rejection; undefined when both are off. Throws UserError when the settings make no sense. */
export function correctionOf(config: RunConfig): CorrectionSettings | undefined {
  if (config["gradus.mode"] !== "rl") return undefined;
  const given = (text: string, off: string): string | null => (text === off ? null : text);
  const settings = readCorrection({
    rollout_is: given(config[`${SECTION}.rollout_is`], "off"),
    rollout_is_threshold: config[`${SECTION}.rollout_is_threshold`],
    rollout_is_batch_normalize: config[`${SECTION}.rollout_is_batch_normalize`],
    rollout_rs: given(config[`${SECTION}.rollout_rs`], ""),
    rollout_rs_threshold: given(config[`${SECTION}.rollout_rs_threshold`], ""),
  });
  if (settings?.weights?.normalise && bypassLossOf(config) === "reinforce")
    throw new UserError(
      `Weights are to be divided by their mean (${SECTION}.rollout_is_batch_normalize) and follow the policy (${SECTION}.bypass_mode): the mean would be that of a micro-batch, and results would hang on the token budget. Switch one of the two off.`,
    );
  return settings;
}

/** The loss that takes the sampler as old policy; undefined when the old policy is the trainer's own. */
export const bypassLossOf = (config: RunConfig): "vanilla" | "reinforce" | undefined =>
  config["gradus.mode"] !== "rl" || !config[`${SECTION}.bypass_mode`]
    ? undefined
    : config[`${SECTION}.loss_type`] === "reinforce"
      ? "reinforce"
      : "vanilla";
