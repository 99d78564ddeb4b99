// Estimators of the KL divergence from the reference policy at one token, with their gradients. References for
// shaders/lib/kl_penalty.wgsl; which tokens count how much is the aggregation's matter.
//   d = logProb - refLogProb,  k = clamp(-d, -20, 20)
// Source: verl verl/trainer/ppo/core_algos.py, kl_penalty; Schulman, http://joschu.net/blog/kl-approx.html (k1, k2, k3).

import { UserError } from "../../common/errors.ts";
import { nearestHint } from "../../common/nearest.ts";

/**
 * verl's actor_rollout_ref.actor.kl_loss_type. A "+" takes the value of the name before it and the gradient d, which
 * is that of k2: the one whose expectation is the gradient of the KL divergence.
 */
export const KL_TYPES = [
  "kl",
  "k1",
  "abs",
  "mse",
  "k2",
  "low_var_kl",
  "k3",
  "kl+",
  "k1+",
  "abs+",
  "mse+",
  "k2+",
  "low_var_kl+",
  "k3+",
] as const;
export type KlType = (typeof KL_TYPES)[number];

const VALUES = {
  k1: "d: right on average, but noisy and of either sign",
  abs: "the absolute value of d",
  k2: "d^2 / 2: never negative, a little off on average, with a gradient that is right on average",
  k3: "e^-d + d - 1: never negative, right on average, little noise; cut at 10, where its gradient ends",
} as const;

/** What an estimator is, with d = logProb - refLogProb: a sentence. */
export function klWords(type: KlType): string {
  const base = baseOf(type);
  const name = type.replace("+", "");
  const alias = name === base ? "" : `${base}, `;
  return `${alias}${VALUES[base]}${type.endsWith("+") ? "; with the gradient of k2" : ""}.`;
}

/** The estimator of this name. Throws UserError naming those that are known. */
export function klType(name: string): KlType {
  const type = KL_TYPES.find((known) => known === name);
  if (type) return type;
  throw new UserError(
    `There is no KL estimator "${name}", so the distance to the reference cannot be measured. ${nearestHint(name, KL_TYPES, `Set kl_loss_type to one of ${KL_TYPES.join(", ")}.`)}`,
  );
}

/** KL_TYPE of the shader: 1 to 4 in this order, 4 more with "+"; 0 is no KL term. */
const KERNEL_BASES = ["k1", "abs", "k2", "k3"] as const;
const ALIASES: Readonly<Record<string, (typeof KERNEL_BASES)[number]>> = {
  kl: "k1",
  mse: "k2",
  low_var_kl: "k3",
};

function baseOf(type: KlType): (typeof KERNEL_BASES)[number] {
  const name = type.replace("+", "");
  return ALIASES[name] ?? (name as (typeof KERNEL_BASES)[number]);
}

/** The number by which the shader knows `type`. */
export const klKernelType = (type: KlType): number =>
  1 + KERNEL_BASES.indexOf(baseOf(type)) + (type.endsWith("+") ? KERNEL_BASES.length : 0);

/** Value and derivative with respect to logProb of the estimate at one token, nats. */
export function klPenalty(
  type: KlType,
  logProb: number,
  refLogProb: number,
): { value: number; gradient: number } {
  const d = logProb - refLogProb;
  const { value, gradient } = plainPenalty(baseOf(type), d);
  return { value, gradient: type.endsWith("+") ? d : gradient };
}

function plainPenalty(base: (typeof KERNEL_BASES)[number], d: number): { value: number; gradient: number } {
  if (base === "k1") return { value: d, gradient: 1 };
  if (base === "abs") return { value: Math.abs(d), gradient: Math.sign(d) };
  if (base === "k2") return { value: (d * d) / 2, gradient: d };
  const k = Math.min(20, Math.max(-20, -d));
  const raw = Math.exp(k) - k - 1;
  const passes = Math.abs(d) <= 20 && raw <= 10;
  return { value: Math.min(10, raw), gradient: passes ? 1 - Math.exp(k) : 0 };
}
