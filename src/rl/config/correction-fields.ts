// Settings of rollout correction: what to do where the sampler's probabilities are not the trainer's. The texts are read in
// ../rollout-correction-settings.ts.

import { REJECTION_OPTIONS } from "../rollout-correction.ts";
import type { Field } from "./field.ts";

const OPTION = `(${REJECTION_OPTIONS.join("|")})`;
const NUMBER = "\\s*[0-9.]+(e[+-]?[0-9]+)?\\s*";
const BOUND = `${NUMBER}(_${NUMBER})?`;

export const CORRECTION_FIELDS = {
  "algorithm.rollout_correction.rollout_is": {
    kind: "choice",
    label: "Weights for the sampler",
    help: "Weighs tokens by how much more likely the trainer finds them than the sampler did. Here both are one model and differ by rounding, unless top-k or top-p narrows the sampling. Costs one more forward pass in a step of one update.",
    mode: "rl",
    topic: "Policy loss",
    default: "off",
    nullValue: "off",
    choices: [
      { value: "off", label: "none" },
      { value: "token", label: "of tokens" },
      { value: "sequence", label: "of responses", help: "One weight for all tokens of a response." },
    ],
    source: "verl: null",
    watch: "rollout_corr/rollout_is_mean",
  },
  "algorithm.rollout_correction.rollout_is_threshold": {
    kind: "line",
    label: "Bound of the weights",
    help: "Larger weights are cut to this. Two numbers such as 0.5_2.0 make weights outside of them 0 (IcePop).",
    mode: "rl",
    topic: "Policy loss",
    default: "2",
    pattern: new RegExp(`^${BOUND}$`),
    wanted: "a number above 0, or a lower and an upper one like 0.5_2.0,",
    when: { "algorithm.rollout_correction.rollout_is": ["token", "sequence"] },
    source: "verl",
    watch: "rollout_corr/rollout_is_max",
  },
  "algorithm.rollout_correction.rollout_is_batch_normalize": {
    kind: "boolean",
    label: "Divide weights by their mean",
    help: "Makes the weights of a step 1 on average.",
    mode: "rl",
    topic: "Policy loss",
    default: false,
    when: { "algorithm.rollout_correction.rollout_is": ["token", "sequence"] },
    source: "verl",
    watch: "rollout_corr/rollout_is_mean",
  },
  "algorithm.rollout_correction.rollout_rs": {
    kind: "line",
    label: "Rejection",
    help: `Leaves tokens or responses out that trainer and sampler disagree on too much. One or more of ${REJECTION_OPTIONS.join(", ")}, with commas between. Costs one more forward pass in a step of one update.`,
    mode: "rl",
    topic: "Policy loss",
    default: "",
    nullValue: "",
    pattern: new RegExp(`^(${OPTION}(\\s*,\\s*${OPTION})*)?$`),
    wanted: `nothing, or some of ${REJECTION_OPTIONS.join(", ")} with commas between`,
    source: "verl: null",
    watch: "rollout_corr/rollout_rs_masked_fraction",
  },
  "algorithm.rollout_correction.rollout_rs_threshold": {
    kind: "line",
    label: "Bounds of the rejection",
    help: "One bound for all, or one for each with commas between. For k1 a ratio such as 2.0, whose inverse is the lower bound, or both like 0.5_2.0; of the sampler's probability over the trainer's. For k2 and k3 the largest distance.",
    mode: "rl",
    topic: "Policy loss",
    default: "",
    nullValue: "",
    pattern: new RegExp(`^(${BOUND}(,${BOUND})*)?$`),
    wanted: "nothing, or bounds like 2.0, 0.5_2.0 or 0.2,0.05",
    source: "verl: null",
    watch: "rollout_corr/rollout_rs_masked_fraction",
  },
  "algorithm.rollout_correction.bypass_mode": {
    kind: "boolean",
    label: "Sampler as old policy",
    help: "The old policy is what the sampler said: no pass is spent on it, and weights and rejection follow the policy from update to update. The policy loss is then that of the next setting, whatever else is chosen.",
    mode: "rl",
    topic: "Policy loss",
    default: false,
    source: "verl",
    watch: "rollout_corr/kl",
  },
  "algorithm.rollout_correction.loss_type": {
    kind: "choice",
    label: "Loss with the sampler as old policy",
    help: "The clipped loss without weights, or the plain gradient with them.",
    mode: "rl",
    topic: "Policy loss",
    default: "ppo_clip",
    choices: [
      { value: "ppo_clip", label: "clipped (vanilla)" },
      { value: "reinforce", label: "REINFORCE with weights" },
    ],
    when: { "algorithm.rollout_correction.bypass_mode": [true] },
    source: "verl",
    watch: "actor/pg_clipfrac",
  },
} as const satisfies Record<string, Field>;
