// Damage as it happens to files, and as somebody would do it on purpose: bits, cuts, pieces that are missing, twice or from
// elsewhere, and numbers that claim a size which is not there. The same for the same draws.

import type { SeededRandom } from "../../src/common/random.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Mutation = (bytes: Bytes, random: SeededRandom) => Bytes;

/** Sizes and positions that readers trip over. */
const BOMBS = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xfffffff0, 0xffffffff];
const JSON_VALUES = ["null", "7", '""', '"x"', "[]", "{}", "[null]", "-1", "0", "1e99", "4294967296", "true"];
/** Deep nesting, and a long string. */
const HEAVY_VALUES = [
  `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
  `"${"a".repeat(100_000)}"`,
  "[".repeat(5000),
];

/** Two places in order. */
function range(bytes: Bytes, random: SeededRandom): [number, number] {
  const [a, b] = [random.integer(bytes.length + 1), random.integer(bytes.length + 1)];
  return a < b ? [a, b] : [b, a];
}

const joined = (...parts: Uint8Array[]): Bytes => new Uint8Array(Buffer.concat(parts));

/** A place: anywhere, or near the start, where most formats have their heads. */
const place = (bytes: Bytes, random: SeededRandom): number =>
  random.integer(random.integer(2) === 0 ? bytes.length : Math.min(bytes.length, 400));

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const at = place(bytes, random);
    bytes[at]! ^= 1 << random.integer(8);
    return bytes;
  },
  function setByte(bytes, random) {
    bytes[place(bytes, random)] = random.integer(256);
    return bytes;
  },
  function cut(bytes, random) {
    return bytes.slice(0, random.integer(bytes.length + 1));
  },
  function leaveOut(bytes, random) {
    const [a, b] = range(bytes, random);
    return joined(bytes.subarray(0, a), bytes.subarray(b));
  },
  function repeat(bytes, random) {
    const [a, b] = range(bytes, random);
    return joined(bytes.subarray(0, b), bytes.subarray(a));
  },
  function overwrite(bytes, random) {
    const length = 1 + random.integer(64);
    const [from, to] = [place(bytes, random), place(bytes, random)];
    bytes.set(bytes.slice(from, Math.min(from + length, from + bytes.length - to)), to);
    return bytes;
  },
  function claimSize(bytes, random) {
    const view = new DataView(bytes.buffer);
    const [at, bomb] = [place(bytes, random), BOMBS[random.integer(BOMBS.length)]!];
    if (at + 8 > bytes.length) return bytes;
    if (random.integer(2) === 0) view.setUint32(at, bomb, true);
    else view.setBigUint64(at, BigInt(bomb) << BigInt(random.integer(32)), true);
    return bytes;
  },
  function claimVarint(bytes, random) {
    const at = place(bytes, random);
    const digits = 1 + random.integer(10);
    const varint = Uint8Array.from({ length: digits }, (_, i) => (i < digits - 1 ? 0xff : 0x7f));
    bytes.set(varint.subarray(0, bytes.length - at), at);
    return bytes;
  },
  function replaceValue(bytes, random) {
    return replaceJson(bytes, random, JSON_VALUES);
  },
  function replaceNumber(bytes, random) {
    return replaceDigits(bytes, random);
  },
  function heavyValue(bytes, random) {
    return random.integer(8) === 0 ? replaceJson(bytes, random, HEAVY_VALUES) : bytes;
  },
];

/** `bytes` with one to four kinds of damage. */
export function mutated(bytes: Uint8Array, random: SeededRandom): Bytes {
  let damaged: Bytes = new Uint8Array(bytes);
  for (let times = random.integer(4); times >= 0 && damaged.length > 0; times--)
    damaged = MUTATIONS[random.integer(MUTATIONS.length)]!(damaged, random);
  return damaged;
}

/** Puts another value after one of the colons, which leaves JSON whole far more often than noise does. */
function replaceJson(bytes: Bytes, random: SeededRandom, values: readonly string[]): Bytes {
  return replaceMatch(bytes, random, /(?<=:\s*)("(?:[^"\\]|\\.)*"|-?\d+|null|true|false|\[|\{)/g, values);
}

/** Another number in the place of one. */
function replaceDigits(bytes: Bytes, random: SeededRandom): Bytes {
  return replaceMatch(bytes, random, /\d+/g, BOMBS.map(String));
}

/** Longer texts are not searched: the draw of one match does not get better by it. */
const SEARCHED = 20_000;

function replaceMatch(bytes: Bytes, random: SeededRandom, pattern: RegExp, values: readonly string[]): Bytes {
  const text = Buffer.from(bytes.subarray(0, SEARCHED)).toString("latin1");
  const matches = [...text.matchAll(pattern)];
  if (matches.length === 0) return bytes;
  const { 0: found, index } = matches[random.integer(matches.length)]!;
  const value = Buffer.from(values[random.integer(values.length)]!, "latin1");
  return joined(bytes.subarray(0, index), value, bytes.subarray(index + found.length));
}
