// rmsnorm: root-mean-square normalisation over the last axis, optionally after a residual addition.
//   add_forward first sets h[n,c] = x[n,c] + delta[n,c]; forward takes h = x
//   y[n,c] = h[n,c] * rstd[n] * weight[c],  rstd[n] = inverseSqrt(mean_c(h[n,c]^2) + eps)
//   backward: dx[n,c] += rstd * (dy*weight - h * rstd^2 * mean_c(dy * weight * h))
//   weight_backward: dweight[c] += sum_n dy[n,c] * h[n,c] * rstd[n]
// Entries    forward, add_forward, backward, weight_backward
// Bindings   0 params uniform {rows: u32, channels: u32, eps: f32}   1 x read f32[N,C]   2 delta read f32[N,C]
//            3 weight read f32[C]   4 h read_write f32[N,C]   5 y read_write f32[N,C]   6 rstd read_write f32[N]
//            7 dy read f32[N,C]   8 dx read_write f32[N,C]   9 dweight read_write f32[C]   10 saved_rstd read f32[N]
// Constants  WORKGROUP_SIZE (override)
// Dispatch   forward, add_forward, backward: one workgroup per row; row = id.x + id.y * 65535
//            weight_backward: one workgroup per 8 channels
// Precision  f32. The gradient of the weight adds (+=); dx adds too, because the residual path is already in it
// Links      lib/reduce_*
// Reference  rmsnormForward, rmsnormBackward in src/ops/rmsnorm.ts
// Source     Zhang & Sennrich 2019, arXiv:1910.07467, eq. 4. Differs: none
struct Params { rows: u32, channels: u32, eps: f32 }
override WORKGROUP_SIZE: u32 = 256u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> delta: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read_write> h: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(7) var<storage, read> dy: array<f32>;
@group(0) @binding(8) var<storage, read_write> dx: array<f32>;
@group(0) @binding(9) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(10) var<storage, read> saved_rstd: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn forward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = id.x + id.y * 65535u;
  if (row >= params.rows) { return; }
  let start = row * params.channels;
  var squares = 0.0;
  for (var c = index; c < params.channels; c += WORKGROUP_SIZE) {
    squares += x[start + c] * x[start + c];
  }
  let r = inverseSqrt(workgroup_sum(squares, index) / f32(params.channels) + params.eps);
  for (var c = index; c < params.channels; c += WORKGROUP_SIZE) {
    y[start + c] = x[start + c] * r * weight[c];
  }
  if (index == 0u) { rstd[row] = r; }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn add_forward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = id.x + id.y * 65535u;
  if (row >= params.rows) { return; }
  let start = row * params.channels;
  var squares = 0.0;
  for (var c = index; c < params.channels; c += WORKGROUP_SIZE) {
    let sum = x[start + c] + delta[start + c];
    h[start + c] = sum;
    squares += sum * sum;
  }
  let r = inverseSqrt(workgroup_sum(squares, index) / f32(params.channels) + params.eps);
  for (var c = index; c < params.channels; c += WORKGROUP_SIZE) {
    y[start + c] = h[start + c] * r * weight[c];
  }
  if (index == 0u) { rstd[row] = r; }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn backward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = id.x + id.y * 65535u;
  if (row >= params.rows) { return; }
  let start = row * params.channels;
  let r = saved_rstd[row];
  var dot = 0.0;
  for (var c = index; c < params.channels; c += WORKGROUP_SIZE) {
    dot += dy[start + c] * weight[c] * x[start + c];
  }
  let scale = workgroup_sum(dot, index) * r * r / f32(params.channels);
  for (var c = index; c < params.channels; c += WORKGROUP_SIZE) {
    dx[start + c] += r * (dy[start + c] * weight[c] - x[start + c] * scale);
  }
}

// 8 neighbouring channels a workgroup, WORKGROUP_SIZE / 8 rows at a time: loads of 8 contiguous channels.
var<workgroup> rmsnorm_partial: array<f32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn weight_backward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let channel = id.x * 8u + index % 8u;
  var sum = 0.0;
  if (channel < params.channels) {
    for (var row = index / 8u; row < params.rows; row += WORKGROUP_SIZE / 8u) {
      let at = row * params.channels + channel;
      sum += dy[at] * x[at] * saved_rstd[row];
    }
  }
  rmsnorm_partial[index] = sum;
  workgroupBarrier();
  if (index < 8u && channel < params.channels) {
    var total = 0.0;
    for (var i = index; i < WORKGROUP_SIZE; i += 8u) { total += rmsnorm_partial[i]; }
    dweight[channel] += total;
  }
}
