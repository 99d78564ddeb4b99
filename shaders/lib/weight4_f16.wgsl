// A weight matrix stored as f16, two to a word, low half first, loaded in groups of four. Same functions as weight4_f32.
// For kernels whose sizes are multiples of 4, so that the last group is whole; weight_f16 takes any size.
// Functions  weight_load, weight_load4
@group(0) @binding(2) var<storage, read> weight: array<vec2u>;

fn weight_load(index: u32) -> f32 {
  return unpack2x16float(weight[index / 4u][index / 2u % 2u])[index % 2u];
}

fn weight_load4(index4: u32) -> vec4f {
  let words = weight[index4];
  return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
}
