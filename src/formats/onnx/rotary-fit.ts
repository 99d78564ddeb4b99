// From how fast each pair of a head turns back to what config.json would say of it: theta, and how it is scaled. Answers only
// with numbers that give every pair its speed again, as far as the file knows it.

import type { Rotary, RotaryScaling } from "../../common/rotary.ts";
import { rotaryFrequencies } from "../../common/rotary.ts";

/** How far a pair turns from one position to the next, radians, and how far off that may be. */
export interface PairSpeed {
  readonly value: number;
  readonly error: number;
}

export type RotaryNumbers = Pick<Rotary, "ropeTheta" | "ropeScaling">;

/** Digits of theta and of factors; nobody publishes more. */
const DIGITS = [1, 2, 3, 4, 5, 6, 7] as const;
/** Turns of the positions before between which Llama 3 goes from one speed to the other, in every published model. */
const LLAMA3 = { lowFrequencyFactor: 1, highFrequencyFactor: 4 } as const;
/** Positions that models had before they were scaled; tried first. */
const USUAL_POSITIONS = Array.from({ length: 12 }, (_, i) => 2 ** (9 + i));

/** The numbers that turn pairs as `speeds` [headSize/2] says; undefined when none that are known here do. */
export function fitRotary(speeds: readonly PairSpeed[]): RotaryNumbers | undefined {
  const [first] = speeds;
  if (!first || speeds.some(({ value }) => !(value > 0 && value < Math.PI))) return undefined;
  if (Math.abs(first.value - 1) > first.error) return fitLinear(speeds, first.value);
  return fitPlain(speeds) ?? fitLlama3(speeds);
}

const isFit = (speeds: readonly PairSpeed[], numbers: RotaryNumbers): boolean => {
  const wanted = rotaryFrequencies({ headSize: 2 * speeds.length, ...numbers });
  return speeds.every(({ value, error }, i) => Math.abs(value - wanted[i]!) <= error);
};

/** The shortest decimal near `value` that `fits`. */
function shortest(value: number, fits: (decimal: number) => boolean): number | undefined {
  return DIGITS.map((digits) => Number(value.toPrecision(digits))).find((decimal) => fits(decimal));
}

/** theta of pair `i`, were it not scaled: its speed is theta^(-2i/headSize). */
const thetaOf = (speeds: readonly PairSpeed[], i: number): number => speeds[i]!.value ** (-speeds.length / i);

function fitPlain(speeds: readonly PairSpeed[]): RotaryNumbers | undefined {
  const uncertainty = (i: number): number => speeds[i]!.error / speeds[i]!.value / i;
  const pairs = speeds.map((_, i) => i).slice(1);
  if (pairs.length === 0) return undefined;
  const best = pairs.reduce((a, b) => (uncertainty(b) < uncertainty(a) ? b : a));
  const ropeTheta = shortest(thetaOf(speeds, best), (theta) => isFit(speeds, { ropeTheta: theta }));
  return ropeTheta === undefined ? undefined : { ropeTheta };
}

/** All pairs are slower by one factor, the first of them as well. */
function fitLinear(speeds: readonly PairSpeed[], first: number): RotaryNumbers | undefined {
  const plain = fitPlain(
    speeds.map(({ value, error }) => ({ value: value / first, error: (2 * error) / first })),
  );
  if (!plain) return undefined;
  const scaling = (factor: number): RotaryNumbers => ({ ...plain, ropeScaling: { type: "linear", factor } });
  const factor = shortest(1 / first, (decimal) => isFit(speeds, scaling(decimal)));
  return factor === undefined ? undefined : scaling(factor);
}

/** Fast pairs are as they were, slow ones slower by a factor, those between in between. */
function fitLlama3(speeds: readonly PairSpeed[]): RotaryNumbers | undefined {
  // Which pairs are as they were is not known; the slowest of them tells theta best.
  for (let i = speeds.length - 1; i > 0; i--) {
    const thetas = new Set(DIGITS.map((digits) => Number(thetaOf(speeds, i).toPrecision(digits))));
    for (const ropeTheta of thetas) {
      const ropeScaling = scalingOf(speeds, ropeTheta);
      if (ropeScaling) return { ropeTheta, ropeScaling };
    }
  }
  return undefined;
}

function scalingOf(speeds: readonly PairSpeed[], ropeTheta: number): RotaryScaling | undefined {
  const plain = rotaryFrequencies({ headSize: 2 * speeds.length, ropeTheta });
  const ratio = plain.at(-1)! / speeds.at(-1)!.value;
  if (!(ratio > 1)) return undefined;
  const factors = new Set(DIGITS.slice(0, 4).map((digits) => Number(ratio.toPrecision(digits))));
  for (const factor of factors) {
    const between = speeds.flatMap(({ value, error }, i) => {
      const [fast, slow] = [plain[i]!, plain[i]! / factor];
      const isBetween = value < fast - 2 * error && value > slow + 2 * error;
      return isBetween ? [positionsBefore(fast, (value - slow) / (fast - slow))] : [];
    });
    for (const originalPositions of [...USUAL_POSITIONS, ...between]) {
      const scaling: RotaryScaling = { type: "llama3", factor, ...LLAMA3, originalPositions };
      if (isFit(speeds, { ropeTheta, ropeScaling: scaling })) return scaling;
    }
  }
  return undefined;
}

/** L, from a pair that turns at `share` of the way between its slow and its fast speed. */
function positionsBefore(fast: number, share: number): number {
  const { lowFrequencyFactor: low, highFrequencyFactor: high } = LLAMA3;
  return Math.max(1, Math.round((2 * Math.PI * (low + share * (high - low))) / fast));
}
