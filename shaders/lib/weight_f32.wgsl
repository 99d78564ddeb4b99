// A weight matrix stored as f32. Same functions as the other weight_* files.
// weight_load4 takes an index in units of 4 elements. Scalars, because a binding need not be a multiple of 16 bytes.
// Functions  weight_load, weight_load4
@group(0) @binding(2) var<storage, read> weight: array<f32>;

fn weight_load(index: u32) -> f32 {
  return weight[index];
}

fn weight_load4(index4: u32) -> vec4f {
  let at = 4u * index4;
  return vec4f(weight[at], weight[at + 1u], weight[at + 2u], weight[at + 3u]);
}
