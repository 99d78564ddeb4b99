// Group preference: pairs of better and worse responses in place of advantages.

import type { Recipe } from "../recipe.ts";

const N = "actor_rollout_ref.rollout.n";
const ROUNDS = "gradus.self_play_rounds";
/** The guide's, which wants variety within a group. */
const WARM = { "actor_rollout_ref.rollout.temperature": 0.9 } as const;

/** One round a step learns on the demo at the learning rate of GRPO; measured with one seed. */
export const PREFERENCE: Recipe = {
  id: "preference",
  label: "Group preference",
  fullName: "Group self-play preference optimization, an online DPO",
  family: "preference",
  description:
    "The responses of a group are ranked by reward, and the better of every pair is raised over the worse.",
  source: "a common guide to group self-play preference (beta, margin, group sizes and rounds)",
  values: {
    "gradus.mode": "preference",
    "gradus.preference_beta": 0.1,
    "gradus.preference_margin": 0.1,
    "gradus.ranking_loss": true,
  },
  original: {
    of: "the guide, 8 GPUs, a 7B model",
    values: {
      "data.train_batch_size": 256,
      "actor_rollout_ref.rollout.temperature": 0.9,
      "actor_rollout_ref.actor.optim.lr": 1e-6,
    },
  },
  variants: [
    { id: "one-round", label: "One round", description: "A step samples once and updates once." },
    {
      id: "quick",
      label: "Quick, 4 x 2",
      description: "4 responses to a problem, 2 rounds a step.",
      values: { ...WARM, [N]: 4, [ROUNDS]: 2 },
    },
    {
      id: "standard",
      label: "Standard, 8 x 3",
      description: "8 responses to a problem, 3 rounds a step.",
      values: { ...WARM, [N]: 8, [ROUNDS]: 3 },
    },
    {
      id: "high",
      label: "High quality, 12 x 5",
      description: "12 responses to a problem, 5 rounds a step: more than seven times the work of quick.",
      values: { ...WARM, [N]: 12, [ROUNDS]: 5 },
    },
  ],
  corrections: [
    {
      says: "The method, called GSPO there, is that of SPIN.",
      fact: "SPIN pairs a model's own samples with the answers of a data set and compares with a reference. Ranking samples by reward and preferring the better is online DPO; GSPO is another method.",
    },
    {
      says: "The loss is like DPO's, and the reference model can be offloaded.",
      fact: "The guide's formula has no reference, so nothing holds the policy: worse responses may be pushed down without end. Turn on the reference for that.",
    },
    {
      says: "Raise the KL coefficient when training does not converge.",
      fact: "There is no KL in the formula to raise. Turn on the reference, lower the learning rate, or widen the margin.",
    },
    {
      says: "Two responses make a pair when their rewards differ by the margin.",
      fact: "They must differ by more than it: with a margin of 0.1, rewards of 0.1 and 0 make no pair.",
    },
    {
      says: "Log-probabilities of responses are compared.",
      fact: "They are sums over tokens, so differences in length count. Take the mean of the tokens if lengths drift.",
    },
  ],
};
