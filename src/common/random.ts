// Random numbers that depend on (seed, counter) alone, so that a resumed run draws what an uninterrupted one would have
// drawn and a row samples the same token in any slot. The same generator as shaders/lib/threefry.wgsl. Not for secrets.

import { BugError } from "./errors.ts";

/** Two 32-bit words. */
export type Words = readonly [number, number];

const ROTATIONS = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const;
const PARITY = 0x1bd11bda;

/**
 * Threefry-2x32 with 20 rounds: 64 random bits of `counter` under `key`.
 * Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"; the generator of JAX.
 */
export function threefry2x32(key: Words, counter: Words): [number, number] {
  const keys = [key[0], key[1], key[0] ^ key[1] ^ PARITY] as const;
  let x = (counter[0] + keys[0]) | 0;
  let y = (counter[1] + keys[1]) | 0;
  for (let group = 0; group < 5; group++) {
    for (const rotation of ROTATIONS[group % 2]!) {
      x = (x + y) | 0;
      y = ((y << rotation) | (y >>> (32 - rotation))) ^ x;
    }
    x = (x + keys[(group + 1) % 3]!) | 0;
    y = (y + keys[(group + 2) % 3]! + group + 1) | 0;
  }
  return [x >>> 0, y >>> 0];
}

/** The top 24 bits of `word` as a number in [0, 1), exact in f32. */
export const uniformOf = (word: number): number => (word >>> 8) / 2 ** 24;

/** Where a stream stands; plain data for checkpoints. */
export interface RandomState {
  readonly key: Words;
  /** 32-bit words drawn so far. */
  readonly drawn: number;
}

/** A stream of random numbers; equal (seed, stream) give equal streams. */
export class SeededRandom {
  #key: Words;
  #drawn = 0;
  #block: Words = [0, 0];

  constructor(seed: number, stream = 0) {
    this.#key = [seed >>> 0, stream >>> 0];
  }

  get state(): RandomState {
    return { key: this.#key, drawn: this.#drawn };
  }

  set state({ key, drawn }: RandomState) {
    this.#key = [key[0] >>> 0, key[1] >>> 0];
    this.#drawn = drawn;
    if (drawn % 2 === 1) this.#block = this.#blockAt((drawn - 1) / 2);
  }

  /** 32 random bits. */
  nextU32(): number {
    const half = this.#drawn++ % 2;
    if (half === 0) this.#block = this.#blockAt((this.#drawn - 1) / 2);
    return this.#block[half]!;
  }

  /** A number in [0, 1), a multiple of 2^-24. */
  uniform(): number {
    return uniformOf(this.nextU32());
  }

  /** An integer in [0, n), each equally likely. Throws BugError unless n is an integer from 1 to 2^32. */
  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32)
      throw new BugError(`a random integer below ${n} does not exist`);
    // The words above the largest multiple of n would favour small results.
    const end = 2 ** 32 - (2 ** 32 % n);
    let word = this.nextU32();
    while (word >= end) word = this.nextU32();
    return word % n;
  }

  /** A number with mean 0 and variance 1 (Box and Muller; the second of the pair is not kept, so state stays two fields). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Shuffles `items` in place, every order equally likely, and returns them. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
    return items;
  }

  #blockAt(index: number): Words {
    return threefry2x32(this.#key, [index >>> 0, Math.floor(index / 2 ** 32)]);
  }
}
