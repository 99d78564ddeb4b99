// Sums and means of plain lists, added in order, and a number as it is typed.

export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** NaN for an empty list. */
export const mean = (values: readonly number[]): number => sum(values) / values.length;

/** A number of any size as it is typed into a field: 0.0003 as "3e-4", 16 as "16". */
export function formatSetting(value: number): string {
  const size = Math.abs(value);
  const isPlain = value === 0 || (size >= 0.001 && size < 1e7) || Number.isInteger(value);
  return isPlain ? String(value) : value.toExponential().replace("e+", "e");
}
