// logprob: log-probability of a target and entropy of a row of logits that arrives in column chunks, and their backward.
//   state[r] = (m, s, t, target) with m = max z, s = sum e^(z-m), t = sum e^(z-m) (z-m); a chunk with a larger maximum m'
//   rescales t' = (t + s (m-m')) e^(m-m'), s' = s e^(m-m').  logProb = target - m - log s, lse = m + log s,
//   entropy = log s - t / s
//   dz[v] = (dLogProb * ([v == target] - p) - dEntropy * p * (log p + entropy)) * scale,  log p = z - lse
// Entries    accumulate, finish, chunk_backward
// Bindings   0 params uniform {first_row: u32, end_row: u32, row_start: u32, stride: u32, chunk_start: u32, columns: u32,
//            column_start: u32, is_first: u32, scale: f32}   1 chunk read f32[rows,stride]   2 targets read u32[R]
//            3 running read_write f32[R,4] (max, sum, weighted sum, target logit)   4 log_prob read_write f32[R]
//            5 lse read_write f32[R]   6 entropy read_write f32[R]   7 d_log_prob read f32[R]   8 d_entropy read f32[R]
//            9 saved_lse read f32[R]   10 saved_entropy read f32[R]   11 d_chunk read_write f32[rows,stride] (z on entry)
// Constants  WORKGROUP_SIZE (override)
// Dispatch   accumulate: one workgroup per row first_row .. end_row - 1. finish: one invocation per row. chunk_backward:
//            one workgroup per row and 2048 columns. All by id.x + id.y * 65535. Rows here are those of x; the chunk begins
//            with row row_start and column column_start, at element chunk_start, rows `stride` elements apart
// Precision  f32, additions in fixed order
// Links      none
// Reference  logprobReference, logprobBackwardReference in src/ops/logprob.ts
// Source     Milakov & Gimelshein 2018, arXiv:1805.02867 (online softmax). Differs: carries the weighted sum too
struct Params {
  first_row: u32, end_row: u32, row_start: u32, stride: u32, chunk_start: u32, columns: u32, column_start: u32,
  is_first: u32, scale: f32,
}
override WORKGROUP_SIZE: u32 = 256u;
const GROUP = 8u;
const TILE = 2048u;
const LOWEST = -3.0e38;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> chunk: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read_write> running: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> log_prob: array<f32>;
@group(0) @binding(5) var<storage, read_write> lse: array<f32>;
@group(0) @binding(6) var<storage, read_write> entropy: array<f32>;
@group(0) @binding(7) var<storage, read> d_log_prob: array<f32>;
@group(0) @binding(8) var<storage, read> d_entropy: array<f32>;
@group(0) @binding(9) var<storage, read> saved_lse: array<f32>;
@group(0) @binding(10) var<storage, read> saved_entropy: array<f32>;
@group(0) @binding(11) var<storage, read_write> d_chunk: array<f32>;

var<workgroup> sums: array<vec3f, WORKGROUP_SIZE>;

// (max, sum, weighted sum) over two disjoint sets.
fn merge(a: vec3f, b: vec3f) -> vec3f {
  let top = max(a.x, b.x);
  let da = a.x - top;
  let db = b.x - top;
  let ea = exp(da);
  let eb = exp(db);
  return vec3f(top, a.y * ea + b.y * eb, (a.z + a.y * da) * ea + (b.z + b.y * db) * eb);
}

// (max, sum, weighted sum) of every WORKGROUP_SIZE-th of the row's columns from `index` on; two sweeps, so that no
// element is rescaled.
fn sum_columns(base: u32, index: u32) -> vec3f {
  var top = LOWEST;
  for (var c = index; c < params.columns; c += WORKGROUP_SIZE) { top = max(top, chunk[base + c]); }
  var s = 0.0;
  var t = 0.0;
  for (var c = index; c < params.columns; c += WORKGROUP_SIZE) {
    let d = chunk[base + c] - top;
    let e = exp(d);
    s += e;
    t += e * d;
  }
  return vec3f(top, s, t);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn accumulate(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = params.first_row + id.x + id.y * 65535u;
  if (row >= params.end_row) { return; }
  let base = params.chunk_start + (row - params.row_start) * params.stride;
  var total = sum_columns(base, index);
  sums[index] = total;
  workgroupBarrier();
  if (index < GROUP) {
    for (var i = index + GROUP; i < WORKGROUP_SIZE; i += GROUP) { total = merge(total, sums[i]); }
    sums[index] = total;
  }
  workgroupBarrier();
  if (index != 0u) { return; }
  for (var i = 1u; i < GROUP; i++) { total = merge(total, sums[i]); }
  var logit = 0.0;
  if (params.is_first == 0u) {
    total = merge(running[row].xyz, total);
    logit = running[row].w;
  }
  // Columns before the chunk wrap to large numbers.
  let column = targets[row] - params.column_start;
  if (column < params.columns) { logit = chunk[base + column]; }
  running[row] = vec4f(total, logit);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn finish(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = params.first_row + (id.x + id.y * 65535u) * WORKGROUP_SIZE + index;
  if (row >= params.end_row) { return; }
  let r = running[row];
  let log_sum = log(r.y);
  log_prob[row] = r.w - r.x - log_sum;
  lse[row] = r.x + log_sum;
  entropy[row] = log_sum - r.z / r.y;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn chunk_backward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let tiles = (params.columns + TILE - 1u) / TILE;
  let item = id.x + id.y * 65535u;
  let row = params.first_row + item / tiles;
  if (row >= params.end_row) { return; }
  let base = params.chunk_start + (row - params.row_start) * params.stride;
  let tile = (item % tiles) * TILE;
  let end = min(tile + TILE, params.columns);
  let dl = d_log_prob[row];
  let de = d_entropy[row];
  let z_offset = saved_lse[row];
  let h = saved_entropy[row];
  let hit = targets[row] - params.column_start;
  for (var c = tile + index; c < end; c += WORKGROUP_SIZE) {
    let log_p = d_chunk[base + c] - z_offset;
    let p = exp(log_p);
    let is_target = select(0.0, 1.0, c == hit);
    d_chunk[base + c] = (dl * (is_target - p) - de * p * (log_p + h)) * params.scale;
  }
}
