// bfloat16 on the host: the upper half of a float32, rounded.

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Bits of the bfloat16 nearest to `value`, ties to even; NaN stays NaN. */
export function toBfloat16Bits(value: number): number {
  float[0] = value;
  const x = bits[0]!;
  if ((x & 0x7fffffff) > 0x7f800000) return (x >>> 16) | 0x40;
  return ((x + 0x7fff + ((x >>> 16) & 1)) >>> 16) & 0xffff;
}

/** Bits of the bfloat16 numbers nearest to `values`. */
export function toBfloat16(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = toBfloat16Bits(values[i]!);
  return halves;
}

/** The numbers that bfloat16 `halves` stand for. */
export function fromBfloat16(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const words = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) words[i] = halves[i]! << 16;
  return new Float32Array(words.buffer);
}

/** `values` rounded to bfloat16 and back. */
export const roundBfloat16 = (values: ArrayLike<number>): Float32Array<ArrayBuffer> =>
  fromBfloat16(toBfloat16(values));
