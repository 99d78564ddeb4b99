// Sums and means of plain lists, added in order.

export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** NaN for an empty list. */
export const mean = (values: readonly number[]): number => sum(values) / values.length;
