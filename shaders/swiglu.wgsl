// swiglu: the gated activation of the feed-forward block; gate and up lie side by side in one row.
//   y[n,i] = silu(gate[n,i]) * up[n,i],  silu(g) = g * s(g),  s(g) = 1 / (1 + exp(-g))
//   backward: dgate = dy * up * s(gate) * (1 + gate * s(-gate)),  dup = dy * silu(gate)
// Entries    forward, backward
// Bindings   0 params uniform {first, end, tiles_per_row, intermediate_size: u32}
//            1 gate_up read f32[N,2I] (I gate columns, then I up columns)   2 y read_write f32[N,I]
//            3 dy read f32[N,I]   4 d_gate_up read_write f32[N,2I]
// Constants  WORKGROUP_SIZE (override)
// Dispatch   one workgroup per tile of WORKGROUP_SIZE * 4 columns of one row; tile = first + id.x + id.y * 65535,
//            below end
// Precision  f32. s comes from exp(-|g|), which cannot overflow. d_gate_up is assigned (=)
// Links      none
// Reference  swigluForward, swigluBackward in src/ops/swiglu.ts
// Source     Shazeer 2020, arXiv:2002.05202, eq. 5, with beta = 1 and no bias
struct Params { first: u32, end: u32, tiles_per_row: u32, intermediate_size: u32 }
override WORKGROUP_SIZE: u32 = 256u;
const SWIGLU_PER_THREAD = 4u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gate_up: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> d_gate_up: array<f32>;

// (s(g), s(-g)), both without cancellation.
fn sigmoids(g: f32) -> vec2f {
  let small = exp(-abs(g));
  let pair = vec2f(1.0, small) / (1.0 + small);
  return select(pair.yx, pair, g >= 0.0);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn forward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let tile = params.first + id.x + id.y * 65535u;
  if (tile >= params.end) { return; }
  let row = tile / params.tiles_per_row;
  let size = params.intermediate_size;
  var i = (tile % params.tiles_per_row) * WORKGROUP_SIZE * SWIGLU_PER_THREAD + index;
  for (var k = 0u; k < SWIGLU_PER_THREAD && i < size; k++) {
    let gate = gate_up[row * 2u * size + i];
    let up = gate_up[row * 2u * size + size + i];
    y[row * size + i] = gate * sigmoids(gate).x * up;
    i += WORKGROUP_SIZE;
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn backward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let tile = params.first + id.x + id.y * 65535u;
  if (tile >= params.end) { return; }
  let row = tile / params.tiles_per_row;
  let size = params.intermediate_size;
  var i = (tile % params.tiles_per_row) * WORKGROUP_SIZE * SWIGLU_PER_THREAD + index;
  for (var k = 0u; k < SWIGLU_PER_THREAD && i < size; k++) {
    let gate = gate_up[row * 2u * size + i];
    let up = gate_up[row * 2u * size + size + i];
    let s = sigmoids(gate);
    let g = dy[row * size + i];
    d_gate_up[row * 2u * size + i] = g * up * s.x * (1.0 + gate * s.y);
    d_gate_up[row * 2u * size + size + i] = g * gate * s.x;
    i += WORKGROUP_SIZE;
  }
}
