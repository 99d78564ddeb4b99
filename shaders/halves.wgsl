// halves: numbers in half precision as numbers in single precision.
//   y[i] = x[i]
// Entries    widen
// Bindings   0 params uniform {first, end, count: u32}   1 x read u32[ceil(count/2)] (two halves a word, low half first)
//            2 y read_write f32[count]
// Constants  WORKGROUP_SIZE (override)
// Dispatch   one workgroup per 2 * WORKGROUP_SIZE elements; tile = first + id.x + id.y * 65535, below end
// Precision  exact. y is assigned (=)
// Links      none
// Reference  fromHalves in src/common/f16.ts
// Source     none
struct Params { first: u32, end: u32, count: u32 }
override WORKGROUP_SIZE: u32 = 256u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn widen(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let tile = params.first + id.x + id.y * 65535u;
  let word = tile * WORKGROUP_SIZE + index;
  if (tile >= params.end || 2u * word >= params.count) { return; }
  let pair = unpack2x16float(x[word]);
  y[2u * word] = pair.x;
  if (2u * word + 1u < params.count) { y[2u * word + 1u] = pair.y; }
}
