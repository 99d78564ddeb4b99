// Sums and means of plain lists, added in order, a log-probability out of logits, and a number as it is typed.

export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** NaN for an empty list. */
export const mean = (values: readonly number[]): number => sum(values) / values.length;

/** Log-probability of `token` under `logits` [V]. */
export function logProbOf(logits: Float32Array, token: number): number {
  const peak = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const total = logits.reduce((all, value) => all + Math.exp(value - peak), 0);
  return logits[token]! - peak - Math.log(total);
}

/** A number of any size as it is typed into a field: 0.0003 as "3e-4", 16 as "16". */
export function formatSetting(value: number): string {
  const size = Math.abs(value);
  const isPlain = value === 0 || (size >= 0.001 && size < 1e7) || Number.isInteger(value);
  return isPlain ? String(value) : value.toExponential().replace("e+", "e");
}
