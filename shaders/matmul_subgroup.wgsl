// matmul_subgroup: matrix product from registers; the lanes of a subgroup share the rows of op(A) by shuffling.
//   c[m,n] (+)= alpha * sum_k op(A)[m,k] * op(B)[k,n] + bias[n]
//   nt: A[m,k], B[n,k] (forward, B = W)   nn: A[m,k], B[k,n] (dX)   tn: A[k,m], B[k,n] (dW)
// Every lane owns ROWS rows x 4 columns, all lanes of a workgroup the same rows. Lane i of every eight loads row i of an
// 8 x 4 block of op(A) and the others take it from there: one load serves eight rows, without barrier or shared memory.
// A row's sums are added in the order of k whatever m and the row's place: nt also serves decoding (see matmul_skinny).
// Entries    nt, nn, tn
// Bindings   0 params uniform {m, n, k, lda, ldb, ldc, a_offset, b_offset, c_offset: u32, alpha: f32, accumulate,
//            has_bias, tile_offset: u32}   1 a read f32   2 weight read elem   3 bias read f32[n]
//            4 c read_write f32[m,n]
// Constants  LANES (override): workgroup size, a multiple of 8. ROWS (const, set by the launcher): 8, 16 or 32
// Dispatch   x: ceil(n / (4 * LANES)) column tiles; y: row tiles of ROWS from tile_offset. Subgroups of 8 lanes or more
// Precision  a f32, weight elem, sums f32. m and, in tn, k are arbitrary; all other sizes, strides and offsets are
//            multiples of 4
// Links      lib/weight4_*, lib/matmul_operands
// Reference  matmulReference in src/ops/matmul.ts
// Source     register blocking of Volkov & Demmel 2008, doi:10.1109/SC.2008.5214359. Differs: shuffles share op(A)
enable subgroups;
override LANES: u32 = 32u;
const BLOCKS = ROWS / 8u;
/// Rows by [block of eight][row in it]. Loops over both unroll because their bounds are the array's.
alias Tile = array<array<vec4f, 8>, BLOCKS>;

/// Where row `row` of A[m,k] starts, in groups of four; rows past the end read the last one.
fn a_start(row: u32) -> u32 {
  return (params.a_offset + min(row, params.m - 1u) * params.lda) / 4u;
}

/// x[0] * b[0] + ... + x[3] * b[3], fused by name so that no compiler chooses where.
fn product4(b: mat4x4f, x: vec4f) -> vec4f {
  return fma(vec4f(x.w), b[3], fma(vec4f(x.z), b[2], fma(vec4f(x.y), b[1], x.x * b[0])));
}

// The number of turns of this loop is not known, so that it is not unrolled: 32 copies of the store take longer to
// compile than all the rest. `result`, indexed by a variable, goes to memory; `sum` stays in registers.
fn store_tile(sum: ptr<function, Tile>, row0: u32, column4: u32) {
  var result = *sum;
  let end = min(row0 + ROWS, params.m);
  for (var row = row0; row < end; row++) {
    let i = row - row0;
    store4(row, column4, result[i / 8u][i % 8u]);
  }
}

@compute @workgroup_size(LANES)
fn nt(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32,
      @builtin(subgroup_invocation_id) lane: u32) {
  let row0 = (id.y + params.tile_offset) * ROWS;
  let column4 = id.x * LANES + index;
  let step = params.ldb / 4u;
  let b_start = params.b_offset / 4u + 4u * min(column4, params.n / 4u - 1u) * step;
  let row = row0 + lane % 8u;
  let a_at = array<u32, 4>(a_start(row), a_start(row + 8u), a_start(row + 16u), a_start(row + 24u));
  var sum: Tile;
  for (var k = 0u; k < params.k / 4u; k++) {
    let at = b_start + k;
    let b = transpose(mat4x4f(weight_load4(at), weight_load4(at + step),
                              weight_load4(at + 2u * step), weight_load4(at + 3u * step)));
    for (var g = 0u; g < BLOCKS; g++) {
      let x = a[a_at[g] + k];
      for (var i = 0u; i < 8u; i++) { sum[g][i] += product4(b, subgroupShuffle(x, i)); }
    }
  }
  store_tile(&sum, row0, column4);
}

@compute @workgroup_size(LANES)
fn nn(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32,
      @builtin(subgroup_invocation_id) lane: u32) {
  let row0 = (id.y + params.tile_offset) * ROWS;
  let column4 = id.x * LANES + index;
  let step = params.ldb / 4u;
  let b_start = params.b_offset / 4u + min(column4, params.n / 4u - 1u);
  let row = row0 + lane % 8u;
  let a_at = array<u32, 4>(a_start(row), a_start(row + 8u), a_start(row + 16u), a_start(row + 24u));
  var sum: Tile;
  for (var k = 0u; k < params.k / 4u; k++) {
    let at = b_start + 4u * k * step;
    let b = mat4x4f(weight_load4(at), weight_load4(at + step), weight_load4(at + 2u * step), weight_load4(at + 3u * step));
    for (var g = 0u; g < BLOCKS; g++) {
      let x = a[a_at[g] + k];
      for (var i = 0u; i < 8u; i++) { sum[g][i] += product4(b, subgroupShuffle(x, i)); }
    }
  }
  store_tile(&sum, row0, column4);
}

@compute @workgroup_size(LANES)
fn tn(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) index: u32,
      @builtin(subgroup_invocation_id) lane: u32) {
  let row0 = (id.y + params.tile_offset) * ROWS;
  let column4 = id.x * LANES + index;
  let a_start = params.a_offset / 4u + min(row0 / 4u + lane % 8u, params.m / 4u - 1u);
  let b_start = params.b_offset / 4u + min(column4, params.n / 4u - 1u);
  var sum: Tile;
  for (var k = 0u; k < params.k; k += 4u) {
    // Past the end of k the last rows are read again and count zero times.
    let at = min(vec4u(k, k + 1u, k + 2u, k + 3u), vec4u(params.k - 1u));
    let inside = vec4f(at == vec4u(k, k + 1u, k + 2u, k + 3u));
    let a_at = a_start + at * (params.lda / 4u);
    let b_at = b_start + at * (params.ldb / 4u);
    // Column j of x: four rows of the result at k + j.
    let x = mat4x4f(a[a_at.x], a[a_at.y] * inside.y, a[a_at.z] * inside.z, a[a_at.w] * inside.w);
    let b = mat4x4f(weight_load4(b_at.x), weight_load4(b_at.y), weight_load4(b_at.z), weight_load4(b_at.w));
    for (var g = 0u; g < BLOCKS; g++) {
      for (var i = 0u; i < 8u; i += 4u) {
        let source = 2u * g + i / 4u;
        let rows = transpose(mat4x4f(subgroupShuffle(x[0], source), subgroupShuffle(x[1], source),
                                     subgroupShuffle(x[2], source), subgroupShuffle(x[3], source)));
        sum[g][i] += product4(b, rows[0]);
        sum[g][i + 1u] += product4(b, rows[1]);
        sum[g][i + 2u] += product4(b, rows[2]);
        sum[g][i + 3u] += product4(b, rows[3]);
      }
    }
  }
  store_tile(&sum, row0, column4);
}
