// W + s B A on the host: what a low-rank adapter makes of the matrix beside it.

/** A [rank,inputs] and B [rows,rank], row-major. */
export interface LowRank {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly rank: number;
  /** alpha / rank; 1 where B holds it already. */
  readonly scale: number;
}

/**
 * Adds s B A to `values` [rows,inputs] in place, summed in 64 bits and rounded once. Where a row of B is zero, the bits of
 * the row stay.
 */
export function addLowRank(values: Float32Array, { a, b, rank, scale }: LowRank): void {
  const inputs = a.length / rank;
  const sum = new Float64Array(inputs);
  for (let row = 0; row * inputs < values.length; row++) {
    const factors = b.subarray(row * rank, (row + 1) * rank);
    if (factors.every((factor) => factor === 0)) continue;
    sum.set(values.subarray(row * inputs, (row + 1) * inputs));
    for (let r = 0; r < rank; r++) {
      const factor = scale * factors[r]!;
      for (let k = 0; k < inputs; k++) sum[k]! += factor * a[r * inputs + k]!;
    }
    values.set(sum, row * inputs);
  }
}
