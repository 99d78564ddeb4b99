// rows: picks rows by an index list, and sums gradients of picked rows back to where they came from.
//   gather: y[r,c] = x[index[r], c]
//   scatter: dx[n,c] = sum_{i = starts[n]}^{starts[n+1] - 1} dy[order[i], c]  (zero where nothing was picked)
// Entries    gather, scatter
// Bindings   0 params uniform {first, end, channels: u32}
//            1 x read f32[N,C]   2 source_rows read u32[R] (the index list)   3 y read_write f32[R,C]
//            4 dy read f32[R,C]   5 starts read u32[N+1]   6 order read u32[R] (picks grouped by row)
//            7 dx read_write f32[N,C]
// Constants  WORKGROUP_SIZE (override)
// Dispatch   one workgroup per row written; row = first + id.x + id.y * 65535, below end
// Precision  f32. dx is assigned (=), summed in the order of `order`; no atomics
// Links      none
// Reference  gatherRowsReference, scatterRowsReference in src/ops/rows.ts
// Source     none
struct Params { first: u32, end: u32, channels: u32 }
override WORKGROUP_SIZE: u32 = 256u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> source_rows: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read> starts: array<u32>;
@group(0) @binding(6) var<storage, read> order: array<u32>;
@group(0) @binding(7) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn gather(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let r = params.first + id.x + id.y * 65535u;
  if (r >= params.end) { return; }
  let start = source_rows[r] * params.channels;
  for (var c = index; c < params.channels; c += WORKGROUP_SIZE) {
    y[r * params.channels + c] = x[start + c];
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn scatter(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let n = params.first + id.x + id.y * 65535u;
  if (n >= params.end) { return; }
  let start = starts[n];
  let stop = starts[n + 1u];
  for (var c = index; c < params.channels; c += WORKGROUP_SIZE) {
    var sum = 0.0;
    for (var i = start; i < stop; i++) {
      sum += dy[order[i] * params.channels + c];
    }
    dx[n * params.channels + c] = sum;
  }
}
