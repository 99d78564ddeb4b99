// A weight matrix stored as f32, loaded in groups of four. Same functions as weight4_f16.
// For kernels whose sizes are multiples of 4, so that the last group is whole; weight_f32 takes any size.
// Functions  weight_load, weight_load4
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;

fn weight_load(index: u32) -> f32 {
  return weight[index / 4u][index % 4u];
}

fn weight_load4(index4: u32) -> vec4f {
  return weight[index4];
}
