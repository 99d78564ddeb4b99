// One comparison and its verdict: the worst error, where it was found, and the tolerance it was held to.

/** A finished comparison. */
export interface Check {
  readonly name: string;
  /** Worst error, in the unit that `unit` names. */
  readonly worst: number;
  readonly unit: "abs" | "rel L2" | "mismatches" | "bytes" | "rel";
  readonly tolerance: number;
  /** Tensor or place of the worst error. */
  readonly where: string;
}

/** True when the error is a number within tolerance; NaN never passes. */
export const passes = ({ worst, tolerance }: Check): boolean => worst <= tolerance;

/** Largest |actual - expected|; a difference in length or a NaN counts as infinite. */
export function maxAbs(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): { worst: number; index: number } {
  if (actual.length !== expected.length) return { worst: Infinity, index: 0 };
  let worst = 0;
  let index = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    if (error <= worst) continue;
    worst = Number.isNaN(error) ? Infinity : error;
    index = i;
  }
  return { worst, index };
}

/** Sums of squares for relative L2 errors of one tensor and of many. */
export class RelativeL2 {
  #difference = 0;
  #reference = 0;
  worst = 0;
  where = "-";

  /** Adds one tensor; `reference` is what it is relative to. */
  add(name: string, actual: ArrayLike<number>, reference: ArrayLike<number>): void {
    let difference = actual.length === reference.length ? 0 : Infinity;
    let size = 0;
    for (let i = 0; i < reference.length; i++) {
      difference += (actual[i]! - reference[i]!) ** 2;
      size += reference[i]! ** 2;
    }
    this.#difference += difference;
    this.#reference += size;
    const error = relative(difference, size);
    if (error <= this.worst) return;
    this.worst = error;
    this.where = name;
  }

  /** Error over all tensors together. */
  get overall(): number {
    return relative(this.#difference, this.#reference);
  }
}

function relative(difference: number, size: number): number {
  if (difference === 0) return 0;
  const error = Math.sqrt(difference / size);
  return Number.isNaN(error) ? Infinity : error;
}

/** Number of positions at which two lists differ. */
export const mismatches = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, i) => Number(!Object.is(a[i], b[i]))).reduce(
    (x, y) => x + y,
    0,
  );

/** `ok    qwen2-tied: log-probabilities: 3.1e-6 abs (limit 1e-4), worst at tokens[2]`. */
export function checkLine(directory: string, check: Check): string {
  const verdict = passes(check) ? "ok    " : "FAILED";
  const { name, worst, unit, tolerance, where } = check;
  const number = (value: number): string =>
    Number.isInteger(value) ? String(value) : value.toExponential(1);
  return `${verdict}  ${directory}: ${name}: ${number(worst)} ${unit} (limit ${number(tolerance)}), worst at ${where}`;
}
