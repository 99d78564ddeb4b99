// The tint behind each token of a scored response: by advantage, by probability ratio or by entropy. Pure: gives a colour in
// terms of the theme's custom properties, so that light and dark need nothing here.

import type { ScoredToken } from "../worker/api.ts";

export const TINTS = [
  { id: "advantage", label: "Advantage", low: "worse than expected", high: "better than expected" },
  { id: "ratio", label: "Ratio", low: "less likely in training than in sampling", high: "more likely" },
  { id: "entropy", label: "Entropy", low: "certain", high: "undecided" },
] as const;
export type Tint = (typeof TINTS)[number]["id"];

/** Ratio at which a tint is full: 1.2 is as far as the usual clip lets a token go. */
const FULL_RATIO = 1.2;
/** The strongest tint, percent: text on it keeps its contrast in both themes. */
const STRONGEST = 30;

/** Position on the tint's scale: -1 (full orange) to 1 (full teal); entropy from 0 to 1. `scale` is the value at 1. */
export function tintStrength(token: ScoredToken, tint: Tint, scale: number): number {
  const raw =
    tint === "advantage"
      ? token.advantage / scale
      : tint === "ratio"
        ? Math.log(token.importanceRatio) / Math.log(FULL_RATIO)
        : token.entropy / scale;
  return Number.isFinite(raw) ? Math.max(-1, Math.min(1, raw)) : 0;
}

/** The value at which the tint is full: the largest of the group, but not so little that noise looks like signal. */
export function tintScale(tokens: readonly ScoredToken[], tint: Tint): number {
  const sizes = tokens.map((token) => (tint === "entropy" ? token.entropy : Math.abs(token.advantage)));
  return sizes.reduce((most, size) => Math.max(most, size), tint === "entropy" ? 0.5 : 1);
}

/** A CSS colour for `strength`: teal above 0, orange below; the accent for entropy, which has no sign. */
export function tintColour(strength: number, tint: Tint): string {
  const share = Math.round(Math.abs(strength) * STRONGEST);
  if (share === 0) return "transparent";
  const colour = tint === "entropy" ? "var(--accent)" : strength > 0 ? "var(--positive)" : "var(--negative)";
  return `color-mix(in srgb, ${colour} ${share}%, transparent)`;
}

/** What is told of a token when it is pointed at. */
export function tokenText({ text, logProb, importanceRatio, entropy, advantage }: ScoredToken): string {
  const probability = (100 * Math.exp(logProb)).toFixed(1);
  return `${JSON.stringify(text)} advantage ${signed(advantage)}, probability ${probability} %, ratio ${importanceRatio.toFixed(3)}, entropy ${entropy.toFixed(2)} nats`;
}

/** Two digits after the point and always a sign; a real minus, as wide as the plus. */
export function signed(value: number, digits = 2): string {
  const size = Math.abs(value).toFixed(digits);
  return Number(size) === 0 ? size : `${value < 0 ? "\u2212" : "+"}${size}`;
}
