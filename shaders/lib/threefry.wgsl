// Counter-based random numbers: Threefry-2x32 with 20 rounds, word for word threefry2x32 in src/common/random.ts.
// Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
// Functions  threefry, threefry_uniform

fn threefry_mix(x: vec2u, rotation: u32) -> vec2u {
  let sum = x.x + x.y;
  return vec2u(sum, ((x.y << rotation) | (x.y >> (32u - rotation))) ^ sum);
}

fn threefry_even(x: vec2u) -> vec2u {
  return threefry_mix(threefry_mix(threefry_mix(threefry_mix(x, 13u), 15u), 26u), 6u);
}

fn threefry_odd(x: vec2u) -> vec2u {
  return threefry_mix(threefry_mix(threefry_mix(threefry_mix(x, 17u), 29u), 16u), 24u);
}

// 64 random bits of the counter under the key.
fn threefry(key: vec2u, counter: vec2u) -> vec2u {
  let last = key.x ^ key.y ^ 0x1bd11bdau;
  var x = counter + key;
  x = threefry_even(x) + vec2u(key.y, last + 1u);
  x = threefry_odd(x) + vec2u(last, key.x + 2u);
  x = threefry_even(x) + vec2u(key.x, key.y + 3u);
  x = threefry_odd(x) + vec2u(key.y, last + 4u);
  return threefry_even(x) + vec2u(last, key.x + 5u);
}

// The top 24 bits of a word as a number in [0, 1), exact.
fn threefry_uniform(word: u32) -> f32 {
  return f32(word >> 8u) * 5.9604645e-8;
}
