// rope: rotary position embedding in place, on the first heads of each row (queries, then keys).
//   x'[i] = x[i] cos(a) - x[i+D/2] sin(a),  x'[i+D/2] = x[i+D/2] cos(a) + x[i] sin(a),  a = position * frequency[i]
//   backward is the same with -sin(a): a rotation's transpose is its inverse
// Entries    rotate
// Bindings   0 params uniform {first, end, row_stride, heads, head_size, position_stride, position_offset: u32,
//            direction: f32 (1 forward, -1 inverse)}
//            1 x read_write f32[N,row_stride]
//            2 positions read u32[] (of row n: positions[n * position_stride + position_offset])
//            3 angles read f32[maxPositions,D] (D/2 cosines, then D/2 sines)
// Constants  WORKGROUP_SIZE (override)
// Dispatch   one workgroup per row; row = first + id.x + id.y * 65535, below end
// Precision  f32, the table made in float64 on the host
// Links      none
// Reference  ropeRotate in src/ops/rope.ts
// Source     Su et al. 2021, arXiv:2104.09864, eq. 34. Differs: pairs (i, i + D/2) as in GPT-NeoX and Llama weights
struct Params {
  first: u32, end: u32, row_stride: u32, heads: u32, head_size: u32, position_stride: u32, position_offset: u32,
  direction: f32,
}
override WORKGROUP_SIZE: u32 = 256u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read> angles: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn rotate(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = params.first + id.x + id.y * 65535u;
  if (row >= params.end) { return; }
  let half_size = params.head_size / 2u;
  let angle = positions[row * params.position_stride + params.position_offset] * params.head_size;
  for (var pair = index; pair < params.heads * half_size; pair += WORKGROUP_SIZE) {
    let i = pair % half_size;
    let low = row * params.row_stride + (pair - i) * 2u + i;
    let high = low + half_size;
    let cosine = angles[angle + i];
    let sine = angles[angle + half_size + i] * params.direction;
    let a = x[low];
    let b = x[high];
    x[low] = a * cosine - b * sine;
    x[high] = b * cosine + a * sine;
  }
}
