// One comparison and its verdict: the worst error, where it was found, and the tolerance it was held to.

/** A finished comparison. */
export interface Check {
  readonly name: string;
  /** Worst error, in the unit that `unit` names. */
  readonly worst: number;
  readonly unit: "abs" | "rel L2" | "mismatches" | "bytes" | "rel" | "abs/max(1,|x|)";
  readonly tolerance: number;
  /** Tensor or place of the worst error. */
  readonly where: string;
}

/** True when the error is a number within tolerance; NaN never passes. */
export const passes = ({ worst, tolerance }: Check): boolean => worst <= tolerance;

/** Largest error over two lists; a difference in length or a NaN counts as infinite. */
function largest(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  unit: (expected: number) => number,
): { worst: number; index: number } {
  if (actual.length !== expected.length) return { worst: Infinity, index: 0 };
  let worst = 0;
  let index = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!) / unit(expected[i]!);
    if (error <= worst) continue;
    worst = Number.isNaN(error) ? Infinity : error;
    index = i;
  }
  return { worst, index };
}

/** Largest |actual - expected|. */
export const maxAbs = (actual: ArrayLike<number>, expected: ArrayLike<number>) =>
  largest(actual, expected, () => 1);

/** Largest |actual - expected| / max(1, |expected|): what float32 can promise for a log-probability of -30. */
export const maxScaled = (actual: ArrayLike<number>, expected: ArrayLike<number>) =>
  largest(actual, expected, (value) => Math.max(1, Math.abs(value)));

/** Below this share of the whole a float64 reference, or one in float32, is zero but for rounding. */
const ZERO_SHARE = { f64: 1e-12, f32: 1e-6 };

/** Sums of squares for relative L2 errors of one tensor and of many. */
export class RelativeL2 {
  readonly #tensors: { name: string; difference: number; size: number }[] = [];
  readonly #zeroShare: number;

  /** `reference` tells how exact the references are: the error of one that is zero is measured against the whole. */
  constructor(reference: keyof typeof ZERO_SHARE = "f64") {
    this.#zeroShare = ZERO_SHARE[reference];
  }

  /** Adds one tensor; `reference` is what it is relative to. Elements where `leaveOut` is true do not count. */
  add(
    name: string,
    actual: ArrayLike<number>,
    reference: ArrayLike<number>,
    leaveOut: (index: number) => boolean = () => false,
  ): void {
    let difference = actual.length === reference.length ? 0 : Infinity;
    let size = 0;
    for (let i = 0; i < reference.length; i++) {
      if (leaveOut(i)) continue;
      difference += (actual[i]! - reference[i]!) ** 2;
      size += reference[i]! ** 2;
    }
    this.#tensors.push({ name, difference, size });
  }

  /** Error over all tensors together. */
  get overall(): number {
    return relative(sum(this.#tensors, "difference"), sum(this.#tensors, "size"));
  }

  /** The tensor with the largest error of its own. */
  get worst(): { name: string; error: number } {
    const whole = sum(this.#tensors, "size");
    const scale = (size: number): number => (size > this.#zeroShare ** 2 * whole ? size : whole);
    return this.#tensors
      .map(({ name, difference, size }) => ({ name, error: relative(difference, scale(size)) }))
      .reduce((a, b) => (b.error > a.error ? b : a), { name: "-", error: 0 });
  }
}

const sum = <Key extends string>(list: readonly Record<Key, number>[], key: Key): number =>
  list.reduce((total, item) => total + item[key], 0);

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
