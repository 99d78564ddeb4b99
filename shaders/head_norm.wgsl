// head_norm: root-mean-square normalisation of every query head and every key head of qkv rows, in place.
//   y[n,h,d] = x[n,h,d] * rstd[n,h] * w[d],  rstd[n,h] = inverseSqrt(mean_d(x[n,h,d]^2) + eps),
//   w = q_weight for the first H heads of a row, k_weight for the K that follow; values are left alone
//   forward_keep also keeps x and rstd, which the gradients take
//   backward: dqkv = rstd * (dy*w - x * rstd^2 * mean_d(dy * w * x)), dy being what dqkv held
//   weight_backward: dweight[d] += sum over n and `count` heads from `first` on of dy[n,h,d] * x[n,h,d] * rstd[n,h]
// Entries    forward, forward_keep, backward, weight_backward
// Bindings   0 params uniform {rows: u32, heads: u32, normed: u32, row_stride: u32, head_size: u32, first: u32, count: u32,
//            eps: f32}
//            1 qkv read_write f32[N,(H+2K)*D]   2 q_weight read f32[D]   3 k_weight read f32[D]
//            4 kept read_write f32[N,(H+K)*D]   5 kept_rstd read_write f32[N,H+K]   6 x read f32[N,(H+K)*D]
//            7 rstd read f32[N,H+K]   8 dqkv read_write f32[N,(H+2K)*D]   9 dy read f32[N,(H+2K)*D]
//            10 dweight read_write f32[D]
// Constants  WORKGROUP_SIZE (override)
// Dispatch   forward, forward_keep, backward: one workgroup per row and head; item = id.x + id.y * 65535, below rows *
//            normed, normed = H + K
//            weight_backward: one workgroup per 8 channels of a head, of its rows
// Precision  f32. The gradient of a weight adds (+=), that of qkv assigns (=). A row's bits depend on that row alone
// Links      lib/reduce_*
// Reference  headNormForward, headNormBackward in src/ops/head-norm.ts
// Source     Qwen3 Technical Report 2025, arXiv:2505.09388, section 2 (QK-Norm). Differs: none
struct Params {
  rows: u32, heads: u32, normed: u32, row_stride: u32, head_size: u32, first: u32, count: u32, eps: f32,
}
override WORKGROUP_SIZE: u32 = 32u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> qkv: array<f32>;
@group(0) @binding(2) var<storage, read> q_weight: array<f32>;
@group(0) @binding(3) var<storage, read> k_weight: array<f32>;
@group(0) @binding(4) var<storage, read_write> kept: array<f32>;
@group(0) @binding(5) var<storage, read_write> kept_rstd: array<f32>;
@group(0) @binding(6) var<storage, read> x: array<f32>;
@group(0) @binding(7) var<storage, read> rstd: array<f32>;
@group(0) @binding(8) var<storage, read_write> dqkv: array<f32>;
@group(0) @binding(9) var<storage, read> dy: array<f32>;
@group(0) @binding(10) var<storage, read_write> dweight: array<f32>;

fn weight_at(head: u32, d: u32) -> f32 {
  if (head < params.heads) { return q_weight[d]; }
  return k_weight[d];
}

// Where the head of an item begins in qkv.
fn head_start(item: u32) -> u32 {
  return (item / params.normed) * params.row_stride + (item % params.normed) * params.head_size;
}

// 1 / root mean square of the head that begins at `start` of qkv.
fn rstd_of(start: u32, index: u32) -> f32 {
  var squares = 0.0;
  for (var d = index; d < params.head_size; d += WORKGROUP_SIZE) { squares += qkv[start + d] * qkv[start + d]; }
  return inverseSqrt(workgroup_sum(squares, index) / f32(params.head_size) + params.eps);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn forward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let item = id.x + id.y * 65535u;
  if (item >= params.rows * params.normed) { return; }
  let head = item % params.normed;
  let start = head_start(item);
  let r = rstd_of(start, index);
  for (var d = index; d < params.head_size; d += WORKGROUP_SIZE) {
    qkv[start + d] = qkv[start + d] * r * weight_at(head, d);
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn forward_keep(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let item = id.x + id.y * 65535u;
  if (item >= params.rows * params.normed) { return; }
  let head = item % params.normed;
  let start = head_start(item);
  let r = rstd_of(start, index);
  for (var d = index; d < params.head_size; d += WORKGROUP_SIZE) {
    let value = qkv[start + d];
    kept[item * params.head_size + d] = value;
    qkv[start + d] = value * r * weight_at(head, d);
  }
  if (index == 0u) { kept_rstd[item] = r; }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn backward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let item = id.x + id.y * 65535u;
  if (item >= params.rows * params.normed) { return; }
  let head = item % params.normed;
  let start = head_start(item);
  let at = item * params.head_size;
  let r = rstd[item];
  var dot = 0.0;
  for (var d = index; d < params.head_size; d += WORKGROUP_SIZE) {
    dot += dqkv[start + d] * weight_at(head, d) * x[at + d];
  }
  let scale = workgroup_sum(dot, index) * r * r / f32(params.head_size);
  for (var d = index; d < params.head_size; d += WORKGROUP_SIZE) {
    dqkv[start + d] = r * (dqkv[start + d] * weight_at(head, d) - x[at + d] * scale);
  }
}

// 8 neighbouring channels a workgroup, WORKGROUP_SIZE / 8 heads at a time: loads of 8 contiguous channels.
var<workgroup> head_norm_partial: array<f32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn weight_backward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let d = id.x * 8u + index % 8u;
  var sum = 0.0;
  if (d < params.head_size) {
    for (var i = index / 8u; i < params.rows * params.count; i += WORKGROUP_SIZE / 8u) {
      let row = i / params.count;
      let head = params.first + i % params.count;
      let item = row * params.normed + head;
      sum += dy[row * params.row_stride + head * params.head_size + d] * x[item * params.head_size + d] * rstd[item];
    }
  }
  head_norm_partial[index] = sum;
  workgroupBarrier();
  if (index < 8u && d < params.head_size) {
    var total = 0.0;
    for (var i = index; i < WORKGROUP_SIZE; i += 8u) { total += head_norm_partial[i]; }
    dweight[d] += total;
  }
}
