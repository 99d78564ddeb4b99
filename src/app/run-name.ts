// What a list calls a run: its recipe and model, and what tells it from other runs of the two.

import type { ConfigKey, RunConfig } from "../rl/config.ts";
import { CONFIG_KEYS, fieldOf, isRead, keptSettings } from "../rl/config.ts";
import { inSentence, isSameValue, valueWords } from "../rl/config/words.ts";
import { presetIn } from "../rl/presets/index.ts";
import type { RunRecord } from "../storage/runs.ts";

/** A name longer than that says less. */
const TOLD = 2;

/** "GRPO, LoRA 8 on demo"; where a run of that name is kept, what this one has otherwise: "GRPO on demo, seed 1". */
export function distinctName(config: RunConfig, model: string, kept: readonly RunRecord[]): string {
  const name = nameOf(config, model);
  const alike = kept
    .filter((record) => record.name === name || record.name.startsWith(`${name}, `))
    .toSorted((a, b) => b.createdAt - a.createdAt);
  if (alike.length === 0) return name;
  const changed = [name, ...changesSince(config, alike[0]!)].join(", ");
  const names = new Set(kept.map((record) => record.name));
  if (!names.has(changed)) return changed;
  let count = 2;
  while (names.has(`${changed}, run ${count}`)) count++;
  return `${changed}, run ${count}`;
}

function nameOf(config: RunConfig, model: string): string {
  const rank = config["actor_rollout_ref.model.lora_rank"];
  return `${recipeName(config)}${rank > 0 ? `, LoRA ${rank}` : ""} on ${model}`;
}

/** The recipe, or loss and estimator where they are those of none. */
function recipeName(config: RunConfig): string {
  const preset = presetIn(config);
  if (preset) return preset.label;
  const estimator = config["algorithm.adv_estimator"].toUpperCase();
  return `${estimator} (${config["actor_rollout_ref.actor.policy_loss.loss_mode"]})`;
}

/** "seed 1", "learning rate 1e-4": the first of what a run reads and an earlier one has otherwise. */
function changesSince(config: RunConfig, record: RunRecord): string[] {
  let earlier: RunConfig;
  try {
    earlier = keptSettings(record.config);
  } catch {
    // Settings of another version, which no longer fit: the runs are told apart by a number.
    return [];
  }
  const isChanged = (key: ConfigKey): boolean =>
    isRead(key, config) && !isSameValue(config[key], earlier[key]);
  return CONFIG_KEYS.filter(isChanged)
    .slice(0, TOLD)
    .map((key) => `${inSentence(fieldOf(key).label)} ${valueWords(fieldOf(key), config[key])}`);
}
