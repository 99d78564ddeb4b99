// What responses earn.

import type { RunConfig } from "../config.ts";
import type { OverlongSettings } from "../rewards/overlong.ts";

/** The penalty for long responses; undefined when it is off. */
export function overlongOf(config: RunConfig): OverlongSettings | undefined {
  if (!config["reward.reward_kwargs.overlong_buffer_cfg.enable"]) return undefined;
  return {
    maxLength: config["data.max_response_length"],
    buffer: config["reward.reward_kwargs.overlong_buffer_cfg.len"],
    factor: config["reward.reward_kwargs.overlong_buffer_cfg.penalty_factor"],
  };
}
