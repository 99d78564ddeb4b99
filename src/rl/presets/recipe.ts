// What a recipe is: an algorithm as settings that belong together, in one or several variants, with where they are from and
// what a common guide says wrongly about them. How large a run is stands in grounds.ts; which recipes there are in index.ts.

import type { ConfigKey, FieldValue, RunConfig } from "../config.ts";

/** Settings by verl key. */
export type Values = Readonly<Partial<Record<ConfigKey, FieldValue>>>;

/** Families in reading order. */
export const FAMILIES = [
  { id: "clip", label: "Clipped ratio" },
  { id: "reinforce", label: "REINFORCE and baselines" },
  { id: "weight", label: "Weights and whole responses" },
  { id: "gate", label: "Soft gate" },
  { id: "preference", label: "Preference" },
  { id: "supervised", label: "Supervised" },
] as const;
export type FamilyId = (typeof FAMILIES)[number]["id"];

/** What a common guide says of an algorithm, and what is so. A sentence or two each. */
export interface Correction {
  readonly says: string;
  readonly fact: string;
}

/** The values with which the source ran on its machines, so that a form can show them beside ours where they differ. */
export interface Original {
  /** "verl's GRPO example, 8 GPUs". */
  readonly of: string;
  readonly values: Values;
}

interface Described {
  readonly label: string;
  /** One or two sentences: what it does, and when to take it. */
  readonly description: string;
  /** What it sets, whatever the sizes of the run. */
  readonly values?: Values;
  /** What it sets depending on the sizes of the run, which are those of the ground. */
  sized?(sizes: RunConfig): Values;
  readonly corrections?: readonly Correction[];
  readonly original?: Original;
}

/** One form of a recipe, on top of what all forms share. */
export interface Variant extends Described {
  /** Behind the recipe's id in the id of a preset; the first variant of a recipe goes without. */
  readonly id: string;
  /** Where its values are from, when not from where the recipe's are. */
  readonly source?: string;
}

/** One entry of the list of recipes. */
export interface Recipe extends Described {
  readonly id: string;
  /** The name in full, where the label is a short form. */
  readonly fullName?: string;
  readonly family: FamilyId;
  /** Where the values come from. */
  readonly source: string;
  /** The usual form first; absent: there is one form. */
  readonly variants?: readonly Variant[];
}

const BATCH = "data.train_batch_size";
const MINI = "actor_rollout_ref.actor.ppo_mini_batch_size";
const LR = "actor_rollout_ref.actor.optim.lr";

/** A critic that learns ten times as fast as the policy, as in verl's defaults, and decays like it. */
export const criticBeside = (sizes: RunConfig): Values => ({
  "critic.optim.lr": Number((10 * sizes[LR]).toPrecision(12)),
  "critic.optim.weight_decay": sizes["actor_rollout_ref.actor.optim.weight_decay"],
});

/** A step cut into two updates, so that the second meets ratios other than 1; an odd one stays whole. */
export const twoUpdates = (sizes: RunConfig): Values =>
  sizes[BATCH] % 2 === 0 ? { [MINI]: sizes[BATCH] / 2 } : {};

/** The same at half the learning rate: twice the updates would else move the policy about twice as far. */
export function twoSmallUpdates(sizes: RunConfig): Values {
  const updates = twoUpdates(sizes);
  return MINI in updates ? { ...updates, [LR]: sizes[LR] / 2 } : {};
}
