// Half precision on the host: rounding, packing two to a word as `unpack2x16float` reads them, and back.

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Bits of the half nearest to `value`, ties to even; overflow becomes infinity, NaN stays NaN. */
export function toHalfBits(value: number): number {
  float[0] = value;
  const x = bits[0]!;
  const sign = (x >>> 16) & 0x8000;
  const magnitude = x & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal half: scale so that the unit is one, and let the host round to even.
    float[0] = Math.abs(value);
    return sign | roundToEven(float[0] * 2 ** 24);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** The number that half `half` stands for. */
export function fromHalfBits(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const mantissa = half & 1023;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + mantissa / 1024) : mantissa * 2 ** -24);
}

/** Bits of the halves nearest to `values`. A loop: `from` with a function would keep a list of all numbers beside them. */
export function toHalves(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = toHalfBits(values[i]!);
  return halves;
}

/** The numbers that `halves` stand for. */
export function fromHalves(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) values[i] = fromHalfBits(halves[i]!);
  return values;
}

/** `values` rounded to halves, two to a word, low half first; an odd count is padded with zero. */
export function packF16(values: ArrayLike<number>): Uint32Array<ArrayBuffer> {
  const halves = new Uint16Array(2 * Math.ceil(values.length / 2));
  for (let i = 0; i < values.length; i++) halves[i] = toHalfBits(values[i]!);
  return new Uint32Array(halves.buffer);
}

/** `values` rounded to halves and back. */
export const roundF16 = (values: ArrayLike<number>): Float32Array<ArrayBuffer> =>
  fromHalves(toHalves(values));
