// The budget of tokens that a configuration leaves open, while its lengths are longer than ours.

import type { ConfigKey, RunConfig } from "../config.ts";
import type { Values } from "./imported.ts";

const BUDGET = "actor_rollout_ref.actor.ppo_max_token_len_per_gpu";
export const RESPONSE = "data.max_response_length";
const LENGTHS = ["data.max_prompt_length", RESPONSE] as const;

interface Found {
  readonly fitting: Map<ConfigKey, unknown>;
  readonly notes: string[];
}

/** verl's budget is larger by default: one that the configuration does not set grows with its lengths. */
export function raiseBudget({ fitting, notes }: Found, base: RunConfig, over: Values): void {
  if (fitting.has(BUDGET) || Object.hasOwn(over, BUDGET) || !LENGTHS.some((key) => fitting.has(key))) return;
  const longest = LENGTHS.map((key) => Number(over[key] ?? fitting.get(key) ?? base[key]));
  const needed = longest[0]! + longest[1]!;
  if (!(needed > base[BUDGET])) return;
  fitting.set(BUDGET, needed);
  notes.push(`The token budget (${BUDGET}) is raised to ${needed}, the longest prompt with its response.`);
}
