// Which rewards are on and how much each counts, a setting for every entry of the list of rewards; and the person's own function.

import type { RewardId } from "../rewards/index.ts";
import { REWARDS } from "../rewards/index.ts";
import type { Field, NumberField } from "./field.ts";
import { SAMPLING_METHODS } from "./field.ts";

type WeightKey = `gradus.reward_weight.${RewardId}`;

const WEIGHT_FIELDS = Object.fromEntries(
  REWARDS.map(({ id, label, description, defaultWeight }): [string, NumberField] => [
    `gradus.reward_weight.${id}`,
    {
      kind: "number",
      label,
      help: `${description} Scores count this often in the reward of a response.`,
      mode: SAMPLING_METHODS,
      topic: "Reward",
      unit: "weight",
      default: defaultWeight,
      min: -1000,
      max: 1000,
      special: { value: 0, meaning: "off" },
      source: "Gradus; TRL's reward_weights, verl has one reward",
      watch: `reward/${id}/mean`,
    },
  ]),
) as { readonly [K in WeightKey]: NumberField };

export const REWARD_WEIGHT_FIELDS = {
  ...WEIGHT_FIELDS,
  "gradus.reward_function": {
    kind: "text",
    label: "Your own reward function",
    help: "JavaScript with a function computeScore(dataSource, solution, groundTruth, extraInfo) that returns a number. Runs without network, storage, clock or chance; write and test it in the recipe under Your own reward.",
    mode: SAMPLING_METHODS,
    topic: "Reward",
    default: "",
    maxLength: 100_000,
    source: "Gradus; verl's reward.custom_reward_function is a Python file",
    watch: "reward/custom/mean",
  },
  "gradus.reward_function_ms": {
    kind: "integer",
    label: "Time of your own reward",
    help: "A function that takes longer for one response is stopped, and the run waits.",
    mode: SAMPLING_METHODS,
    topic: "Reward",
    unit: "ms",
    default: 1000,
    min: 10,
    max: 60_000,
    source: "Gradus",
  },
} as const satisfies Record<string, Field>;
