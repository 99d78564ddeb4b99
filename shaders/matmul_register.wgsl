// matmul_register: matrix product from registers, without workgroup memory, barriers or optional features.
//   c[m,n] (+)= alpha * sum_k op(A)[m,k] * op(B)[k,n] + bias[n]
//   nt: A[m,k], B[n,k] (forward, B = W)   nn: A[m,k], B[k,n] (dX)   tn: A[k,m], B[k,n] (dW)
// A thread owns 8 rows x 8 columns and takes one step of k at a time: 16 values for 64 products. The short loop body is
// deliberate: four steps at once need as many loads and overflow the instruction cache of a CPU adapter.
// Entries    nt, nn, tn
// Bindings   0 params uniform {m, n, k, lda, ldb, ldc, a_offset, b_offset, c_offset: u32, alpha: f32, accumulate,
//            has_bias, tile_offset: u32}   1 a read f32   2 weight read elem   3 bias read f32[n]
//            4 c read_write f32[m,n]
// Constants  ROWS = 8 rows of a thread; workgroups of 8 x 8 threads
// Dispatch   x: ceil(n / 64) column tiles; y: row tiles of 64 from tile_offset
// Precision  a f32, weight elem, sums f32. m and k are arbitrary; n, (tn) m, strides and offsets are multiples of 4
// Links      lib/weight4_*, lib/matmul_operands
// Reference  matmulReference in src/ops/matmul.ts
// Source     register blocking of Volkov & Demmel 2008, doi:10.1109/SC.2008.5214359. Differs: none
const ROWS = 8u;
/// Rows of a thread; element h holds the columns 4 * (column4 + 8 * h) .. + 3.
alias Tile = array<array<vec4f, 2>, ROWS>;

// The number of turns of this loop is not known, so that it is not unrolled: 16 copies of the store take longer to
// compile than all the rest. `result`, indexed by a variable, goes to memory; `sum` stays in registers.
fn store_tile(sum: ptr<function, Tile>, row0: u32, column4: u32) {
  var result = *sum;
  let end = 2u * min(row0 + ROWS, params.m);
  for (var i = 2u * row0; i < end; i++) {
    store4(i / 2u, column4 + 8u * (i % 2u), result[i / 2u - row0][i % 2u]);
  }
}

/// Groups of four where the rows of A[m,k] start that the thread reads; rows past the end read the last one.
fn a_starts(row0: u32) -> array<u32, ROWS> {
  var starts: array<u32, ROWS>;
  for (var i = 0u; i < ROWS; i++) {
    starts[i] = (params.a_offset + min(row0 + i, params.m - 1u) * params.lda) / 4u;
  }
  return starts;
}

@compute @workgroup_size(8, 8)
fn nt(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let row0 = (id.y + params.tile_offset) * 64u + local.y * ROWS;
  let column4 = id.x * 16u + local.x;
  let a_at = a_starts(row0);
  let last4 = params.n / 4u - 1u;
  let step = params.ldb;
  let b0 = params.b_offset + 4u * min(column4, last4) * step;
  let b1 = params.b_offset + 4u * min(column4 + 8u, last4) * step;
  var sum: Tile;
  for (var k = 0u; k < params.k; k++) {
    let w0 = vec4f(weight_load(b0 + k), weight_load(b0 + step + k), weight_load(b0 + 2u * step + k), weight_load(b0 + 3u * step + k));
    let w1 = vec4f(weight_load(b1 + k), weight_load(b1 + step + k), weight_load(b1 + 2u * step + k), weight_load(b1 + 3u * step + k));
    for (var i = 0u; i < ROWS; i++) {
      let x = a[a_at[i] + k / 4u][k % 4u];
      sum[i][0] += x * w0;
      sum[i][1] += x * w1;
    }
  }
  store_tile(&sum, row0, column4);
}

@compute @workgroup_size(8, 8)
fn nn(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let row0 = (id.y + params.tile_offset) * 64u + local.y * ROWS;
  let column4 = id.x * 16u + local.x;
  let a_at = a_starts(row0);
  let last4 = params.n / 4u - 1u;
  let step = params.ldb / 4u;
  let b0 = params.b_offset / 4u + min(column4, last4);
  let b1 = params.b_offset / 4u + min(column4 + 8u, last4);
  var sum: Tile;
  for (var k = 0u; k < params.k; k++) {
    let w0 = weight_load4(b0 + k * step);
    let w1 = weight_load4(b1 + k * step);
    for (var i = 0u; i < ROWS; i++) {
      let x = a[a_at[i] + k / 4u][k % 4u];
      sum[i][0] += x * w0;
      sum[i][1] += x * w1;
    }
  }
  store_tile(&sum, row0, column4);
}

@compute @workgroup_size(8, 8)
fn tn(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let row0 = (id.y + params.tile_offset) * 64u + local.y * ROWS;
  let column4 = id.x * 16u + local.x;
  let last4 = params.n / 4u - 1u;
  let last_row4 = params.m / 4u - 1u;
  let a0 = params.a_offset / 4u + min(row0 / 4u, last_row4);
  let a1 = params.a_offset / 4u + min(row0 / 4u + 1u, last_row4);
  let b0 = params.b_offset / 4u + min(column4, last4);
  let b1 = params.b_offset / 4u + min(column4 + 8u, last4);
  var sum: Tile;
  for (var k = 0u; k < params.k; k++) {
    let w0 = weight_load4(b0 + k * (params.ldb / 4u));
    let w1 = weight_load4(b1 + k * (params.ldb / 4u));
    let x0 = a[a0 + k * (params.lda / 4u)];
    let x1 = a[a1 + k * (params.lda / 4u)];
    for (var i = 0u; i < 4u; i++) {
      sum[i][0] += x0[i] * w0;
      sum[i][1] += x0[i] * w1;
      sum[i + 4u][0] += x1[i] * w0;
      sum[i + 4u][1] += x1[i] * w1;
    }
  }
  store_tile(&sum, row0, column4);
}
