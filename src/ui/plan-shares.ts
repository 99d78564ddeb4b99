// The memory plan as the page draws it: owners in a fixed order and under plain names, the small ones together. Pure.

import type { PlanSummary } from "../worker/api.ts";

export interface PlanShare {
  readonly label: string;
  readonly bytes: number;
  /** Number of the colour in theme.css. */
  readonly series: number;
}

/** Names of what owns device memory, in the order of the bar. An owner that is not here counts as scratch. */
const OWNERS = [
  { owner: "weights", label: "Weights", series: 1 },
  { owner: "adapter", label: "Adapter", series: 5 },
  { owner: "optimizer", label: "Optimiser", series: 2 },
  { owner: "critic", label: "Critic", series: 7 },
  { owner: "activations", label: "Activations", series: 3 },
  { owner: "kvCache", label: "Key-value cache", series: 4 },
  { owner: "onnxRuntime", label: "ONNX Runtime", series: 8 },
] as const;

/** Shares of the plan that hold anything; their bytes add up to the plan's. */
export function planShares(bytes: PlanSummary["bytes"]): PlanShare[] {
  const sum = (isIn: (owner: string) => boolean): number =>
    bytes.reduce((total, entry) => total + (isIn(entry.owner) ? entry.bytes : 0), 0);
  const named = OWNERS.map(({ owner, label, series }) => ({
    label,
    series,
    bytes: sum((other) => other === owner),
  }));
  const scratch = sum((other) => !OWNERS.some(({ owner }) => owner === other));
  return [...named, { label: "Scratch", series: 6, bytes: scratch }].filter((share) => share.bytes > 0);
}
