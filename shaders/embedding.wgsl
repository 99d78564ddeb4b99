// embedding: one row of the vocabulary table for each token, and the sum of gradients back into the table.
//   y[n,c] = weight[id[n] - row_start, c] where row_start <= id[n] < row_start + row_count, else untouched
//   backward: dweight[id[u] - row_start, c] += sum_{i = starts[u]}^{starts[u+1] - 1} dy[order[i], c]
// Entries    forward, backward
// Bindings   0 params uniform {first, end, channels, id_stride, id_offset, row_start, row_count: u32}
//            1 ids read u32[] (id[n] = ids[n * id_stride + id_offset]; backward: distinct ids u32[U])
//            2 weight read f32 or f16 [V_shard,C]   3 y read_write f32[N,C]   4 dy read f32[N,C]
//            5 starts read u32[U+1]   6 order read u32[N] (tokens grouped by id)
//            7 dweight read_write f32[V_shard,C]
// Constants  WORKGROUP_SIZE (override)
// Dispatch   forward: one workgroup per token n; backward: one per distinct id u. Item = first + id.x + id.y * 65535,
//            below end
// Precision  loads f32 or f16, stores f32. dweight adds (+=), in the order of `order`; no atomics
// Links      lib/weight_*
// Reference  embeddingForward, embeddingBackward in src/ops/embedding.ts
// Source     none: a table look-up. A table larger than one binding is cut into shards of whole rows
struct Params {
  first: u32, end: u32, channels: u32, id_stride: u32, id_offset: u32, row_start: u32, row_count: u32,
}
override WORKGROUP_SIZE: u32 = 256u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read> starts: array<u32>;
@group(0) @binding(6) var<storage, read> order: array<u32>;
@group(0) @binding(7) var<storage, read_write> dweight: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn forward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let n = params.first + id.x + id.y * 65535u;
  if (n >= params.end) { return; }
  // An id below row_start wraps around to a huge number, so one comparison checks both ends.
  let row = ids[n * params.id_stride + params.id_offset] - params.row_start;
  if (row >= params.row_count) { return; }
  for (var c = index; c < params.channels; c += WORKGROUP_SIZE) {
    y[n * params.channels + c] = weight_load(row * params.channels + c);
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn backward(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let u = params.first + id.x + id.y * 65535u;
  if (u >= params.end) { return; }
  let row = ids[u] - params.row_start;
  if (row >= params.row_count) { return; }
  let start = starts[u];
  let stop = starts[u + 1u];
  for (var c = index; c < params.channels; c += WORKGROUP_SIZE) {
    var sum = 0.0;
    for (var i = start; i < stop; i++) {
      sum += dy[order[i] * params.channels + c];
    }
    dweight[row * params.channels + c] += sum;
  }
}
