// A frozen weight matrix in blocks of 32 weights of 4 bits, 6 words a block: scale, zero point, nibbles (src/common/q4.ts).
// Same functions as the other weight_* files. Rows have whole blocks.
// Functions  weight_load, weight_load4
@group(0) @binding(2) var<storage, read> weight: array<u32>;

fn weight_load(index: u32) -> f32 {
  let at = 6u * (index / 32u);
  let q = (weight[at + 2u + index % 32u / 8u] >> (4u * (index % 8u))) & 15u;
  return (f32(q) - bitcast<f32>(weight[at + 1u])) * bitcast<f32>(weight[at]);
}

fn weight_load4(index4: u32) -> vec4f {
  let at = 6u * (index4 / 8u);
  let word = weight[at + 2u + index4 % 8u / 2u] >> (16u * (index4 % 2u));
  let q = vec4u(word, word >> 4u, word >> 8u, word >> 12u) & vec4u(15u);
  return (vec4f(q) - bitcast<f32>(weight[at + 1u])) * bitcast<f32>(weight[at]);
}
