// CRC-32 as in zip and PNG, eight bytes a round. It finds every flipped byte and every burst of up to 32 bits, and needs
// neither a secure context nor an await; it protects against broken disks, not against people.
// Source: ISO 3309; slicing by eight: Kounavis & Berry 2005.

const POLYNOMIAL = 0xedb88320;
const SLICES = 8;

/** TABLE[256 * k + b]: the remainder of byte b followed by k zero bytes. */
const TABLE = makeTable();

function makeTable(): Int32Array {
  const table = new Int32Array(256 * SLICES);
  for (let byte = 0; byte < 256; byte++) {
    let rest = byte;
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ POLYNOMIAL : rest >>> 1;
    table[byte] = rest;
  }
  for (let at = 256; at < table.length; at++) {
    const before = table[at - 256]!;
    table[at] = (before >>> 8) ^ table[before & 255]!;
  }
  return table;
}

/** CRC-32 of `bytes`, 0 to 2^32 - 1. */
export function crc32(bytes: Uint8Array): number {
  const t = TABLE;
  const whole = bytes.length - (bytes.length % SLICES);
  let rest = -1;
  let at = 0;
  for (; at < whole; at += SLICES) {
    rest ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    rest =
      t[1792 + (rest & 255)]! ^
      t[1536 + ((rest >>> 8) & 255)]! ^
      t[1280 + ((rest >>> 16) & 255)]! ^
      t[1024 + (rest >>> 24)]! ^
      t[768 + bytes[at + 4]!]! ^
      t[512 + bytes[at + 5]!]! ^
      t[256 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) rest = (rest >>> 8) ^ t[(rest ^ bytes[at]!) & 255]!;
  return ~rest >>> 0;
}
