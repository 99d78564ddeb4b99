// A weight matrix stored as f16, two to a word, low half first. Same functions as the other weight_* files.
// weight_load4 takes an index in units of 4 elements. Single words, because a binding need not be a multiple of 8 bytes.
// Functions  weight_load, weight_load4
@group(0) @binding(2) var<storage, read> weight: array<u32>;

fn weight_load(index: u32) -> f32 {
  return unpack2x16float(weight[index / 2u])[index % 2u];
}

fn weight_load4(index4: u32) -> vec4f {
  return vec4f(unpack2x16float(weight[2u * index4]), unpack2x16float(weight[2u * index4 + 1u]));
}
