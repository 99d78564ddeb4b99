// value_head: one number a row from its hidden state, and the way back.
//   forward: values[r] = sum_c x[r,c] * weight[c] + bias
//   backward: dx[r,c] = dvalue[r] * weight[c]
//   weight_backward: dweight[c] += sum_r dvalue[r] * x[r,c],  dbias += sum_r dvalue[r]
// Entries    forward, backward, weight_backward
// Bindings   0 params uniform {first, end, rows, channels: u32}
//            1 x read f32[R,C]   2 weight read f32[C]   3 bias read f32[1]   4 values read_write f32[R]
//            5 dvalue read f32[R]   6 dx read_write f32[R,C]   7 dweight read_write f32[C]   8 dbias read_write f32[1]
// Constants  WORKGROUP_SIZE (override)
// Dispatch   forward, backward: one workgroup per row; row = first + id.x + id.y * 65535, below end
//            weight_backward: one workgroup per 8 of the C + 1 sums (the last is dbias); tile = first + id.x
// Precision  f32, additions in a fixed order. values and dx are assigned (=), dweight and dbias are added to (+=)
// Links      lib/reduce_*
// Reference  valueHeadReference, valueHeadBackwardReference in src/ops/value-head.ts
// Source     Stiennon et al. 2020, arXiv:2009.01325, section 3.4: a value function is a scalar head on a language model
struct Params { first: u32, end: u32, rows: u32, channels: u32 }
override WORKGROUP_SIZE: u32 = 256u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> values: array<f32>;
@group(0) @binding(5) var<storage, read> dvalue: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;
@group(0) @binding(7) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(8) var<storage, read_write> dbias: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn forward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = params.first + id.x + id.y * 65535u;
  if (row >= params.end) { return; }
  let start = row * params.channels;
  var dot = 0.0;
  for (var c = index; c < params.channels; c += WORKGROUP_SIZE) { dot += x[start + c] * weight[c]; }
  let total = workgroup_sum(dot, index);
  if (index == 0u) { values[row] = total + bias[0]; }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn backward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = params.first + id.x + id.y * 65535u;
  if (row >= params.end) { return; }
  let d = dvalue[row];
  for (var c = index; c < params.channels; c += WORKGROUP_SIZE) { dx[row * params.channels + c] = d * weight[c]; }
}

// 8 neighbouring sums a workgroup, WORKGROUP_SIZE / 8 rows at a time: loads of 8 contiguous channels.
var<workgroup> value_head_partial: array<f32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn weight_backward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let channel = (params.first + id.x) * 8u + index % 8u;
  var sum = 0.0;
  for (var row = index / 8u; row < params.rows; row += WORKGROUP_SIZE / 8u) {
    if (channel < params.channels) { sum += dvalue[row] * x[row * params.channels + channel]; }
    if (channel == params.channels) { sum += dvalue[row]; }
  }
  value_head_partial[index] = sum;
  workgroupBarrier();
  if (index >= 8u || channel > params.channels) { return; }
  var total = 0.0;
  for (var i = index; i < WORKGROUP_SIZE; i += 8u) { total += value_head_partial[i]; }
  if (channel == params.channels) { dbias[0] += total; } else { dweight[channel] += total; }
}
