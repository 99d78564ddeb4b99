// lora: the low-rank branch of a stacked projection for a few rows: all its adapted modules in one dispatch.
//   y[n, row_m + j] += sum_r u[n, column_m + r] * b[b_row_m + j, r],  j < count_m, r < rank, modules m = 0, 1, 2
//   u[n, c] = scale * sum_k x[n, k] * a[c, k]
// A workgroup belongs to one module, a few rows and a tile of 256 outputs. It computes its module's part of u itself:
// every tile does so again, which costs rank / 256 of the frozen product and saves a dispatch. 32 lanes share the sums
// over k of 4 neighbouring columns of u, as in matmul_skinny; then every thread adds to 4 neighbouring outputs.
// All sums run in one order whatever the number of rows and the row's place among them: a sequence decodes to the same
// bits alone and in a batch. The products are written as fma so that no compiler chooses where to fuse.
// Entries    project
// Bindings   0 params uniform {rows, rank, inputs, outputs: u32, scale: f32, tile_offset, row_0, row_1, row_2, count_0,
//            count_1, count_2, column_0, column_1, column_2, b_row_0, b_row_1, b_row_2: u32} (a module that is not there
//            has count 0)   1 x read f32[N,inputs]   2 a read f32[columns,inputs]   3 b read f32[sum of counts,rank]
//            4 y read_write f32[N,outputs]
// Constants  ROWS (const, set by the launcher): rows of a workgroup, 1, 2, 4 or 8
// Dispatch   x: tiles of 256 outputs, module by module; y: row tiles of ROWS from tile_offset
// Precision  f32, sums in fixed order. rank is at most 32; rank, inputs, outputs, row_m and count_m are multiples of 4
// Links      none
// Reference  loraReference in src/ops/lora.ts
// Source     Hu et al. 2021, arXiv:2106.09685, section 4.1. Differs: none
struct Params {
  rows: u32, rank: u32, inputs: u32, outputs: u32, scale: f32, tile_offset: u32,
  row_0: u32, row_1: u32, row_2: u32, count_0: u32, count_1: u32, count_2: u32,
  column_0: u32, column_1: u32, column_2: u32, b_row_0: u32, b_row_1: u32, b_row_2: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> a: array<vec4f>;
@group(0) @binding(3) var<storage, read> b: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

const K_LANES = 32u;
/// One more than K_LANES: the sums of neighbouring rows start in different banks.
const PITCH = 33u;
/// Of K_LANES threads each: they share the columns of u.
const GROUPS = 2u;
const THREADS = 64u;
/// Outputs of a workgroup.
const TILE = 256u;
/// [group, row][lane]: sums over a lane's k of four columns of u.
var<workgroup> partial: array<vec4f, GROUPS * ROWS * PITCH>;
/// [group of four columns][row]: the module's share of u, up to rank 32.
var<workgroup> low: array<vec4f, 8u * ROWS>;

/// A module, and the first of its outputs that a workgroup owns.
struct Tile { row: u32, count: u32, column: u32, b_row: u32, first: u32 }

fn tile_of(id: u32) -> Tile {
  let end_0 = (params.count_0 + TILE - 1u) / TILE;
  let end_1 = end_0 + (params.count_1 + TILE - 1u) / TILE;
  if (id < end_0) { return Tile(params.row_0, params.count_0, params.column_0, params.b_row_0, id * TILE); }
  if (id < end_1) { return Tile(params.row_1, params.count_1, params.column_1, params.b_row_1, (id - end_0) * TILE); }
  return Tile(params.row_2, params.count_2, params.column_2, params.b_row_2, (id - end_1) * TILE);
}

/// sum + w v for w of four columns, in the order of v.
fn add_product(w: mat4x4f, v: vec4f, sum: vec4f) -> vec4f {
  return fma(vec4f(v.w), w[3], fma(vec4f(v.z), w[2], fma(vec4f(v.y), w[1], fma(vec4f(v.x), w[0], sum))));
}

/// Computes the tile's share of u for ROWS rows and leaves it in `low`.
fn project_down(column: u32, row0: u32, index: u32) {
  let step = params.inputs / 4u;
  let fours = params.rank / 4u;
  let lane = index % K_LANES;
  let group = index / K_LANES;
  for (var first = 0u; first < fours; first += GROUPS) {
    let a_start = (column + 4u * min(first + group, fours - 1u)) * step;
    // Spelled out: without a value, Dawn (webgpu 0.6.2) on lavapipe keeps the sums of the turn before.
    var sum = array<vec4f, ROWS>();
    for (var k = lane; k < step; k += K_LANES) {
      let at = a_start + k;
      let w = transpose(mat4x4f(a[at], a[at + step], a[at + 2u * step], a[at + 3u * step]));
      for (var i = 0u; i < ROWS; i++) {
        sum[i] = add_product(w, x[min(row0 + i, params.rows - 1u) * step + k], sum[i]);
      }
    }
    for (var i = 0u; i < ROWS; i++) { partial[(group * ROWS + i) * PITCH + lane] = sum[i]; }
    workgroupBarrier();
    if (index < GROUPS * ROWS && first + index / ROWS < fours) {
      var total = vec4f();
      for (var i = 0u; i < K_LANES; i++) { total += partial[index * PITCH + i]; }
      low[first * ROWS + index] = params.scale * total;
    }
    workgroupBarrier();
  }
}

@compute @workgroup_size(THREADS)
fn project(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
  let tile = tile_of(id.x);
  let row0 = (id.y + params.tile_offset) * ROWS;
  project_down(tile.column, row0, index);
  let j = tile.first + 4u * index;
  let step = params.rank / 4u;
  let b_start = (tile.b_row + min(j, tile.count - 4u)) * step;
  var sum: array<vec4f, ROWS>;
  for (var r = 0u; r < step; r++) {
    let at = b_start + r;
    let w = transpose(mat4x4f(b[at], b[at + step], b[at + 2u * step], b[at + 3u * step]));
    for (var i = 0u; i < ROWS; i++) { sum[i] = add_product(w, low[r * ROWS + i], sum[i]); }
  }
  let end = select(0u, params.rows, j < tile.count);
  for (var i = 0u; i < ROWS; i++) {
    if (row0 + i < end) { y[((row0 + i) * params.outputs + tile.row + j) / 4u] += sum[i]; }
  }
}
